import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  request,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StrangerAnswer } from '../../../src/api/index.ts'
import { createInviteRoutes } from '../../../src/daemon/web-invites.ts'

const ADDRESS = '192.0.2.7:4711'
const DESCRIBE = '/webapi/invites/describe'
const JSON_TYPE = { 'content-type': 'application/json' }

describe('the links on the web port', () => {
  /** What reached the auth service. */
  let asked: { what: string; body: unknown; address: string }[]
  let answer: StrangerAnswer
  let stack: AsyncDisposableStack
  let port: number
  beforeEach(async () => {
    asked = []
    answer = { status: 200, body: { user: 'joe' }, retryAfterS: null }
    const routes = createInviteRoutes({
      async call(what, body, address) {
        asked.push({ what, body, address })
        return answer
      },
    })
    stack = new AsyncDisposableStack()
    const server = createServer((incoming, outgoing) => {
      if (!routes(incoming, outgoing, ADDRESS)) outgoing.writeHead(418).end('{}')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    stack.defer(async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
    port = (server.address() as AddressInfo).port
  })
  afterEach(() => stack.disposeAsync())

  const post = (
    path: string,
    body: string,
    headers: OutgoingHttpHeaders = JSON_TYPE,
    method = 'POST',
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: unknown }> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port, path, method, headers, agent: false },
        (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: JSON.parse(text) as unknown,
            }),
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })

  it('hand on what a browser asks, with its address, and keep nothing', async () => {
    const described = await post(DESCRIBE, '{"token":"t"}')
    expect(described).toMatchObject({
      status: 200,
      body: { user: 'joe' },
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    })
    expect(described.headers).not.toHaveProperty('set-cookie')
    expect(described.headers).not.toHaveProperty('access-control-allow-origin')
    await post('/webapi/invites/accept', '{"token":"t","password":"p"}')
    expect(asked).toEqual([
      { what: 'invites.describe', body: { token: 't' }, address: ADDRESS },
      { what: 'invites.accept', body: { token: 't', password: 'p' }, address: ADDRESS },
    ])
  })

  it('say how long to wait', async () => {
    answer = {
      status: 429,
      body: { error: { code: 'LOGIN_THROTTLED', message: 'm' } },
      retryAfterS: 30,
    }
    expect(await post(DESCRIBE, '{}')).toMatchObject({
      status: 429,
      headers: { 'retry-after': '30' },
    })
  })

  it.each([
    ['of this origin', { origin: 'https://t.example.com', host: 't.example.com' }],
    [
      'of this origin, with a port',
      { origin: 'https://t.example.com:3080', host: 't.example.com:3080' },
    ],
    ['that the browser vouches for', { 'sec-fetch-site': 'same-origin' }],
    ['in another spelling of JSON', { 'content-type': 'Application/JSON; charset=utf-8' }],
  ])('answer a page %s', async (_what, headers) => {
    expect((await post(DESCRIBE, '{}', { ...JSON_TYPE, ...headers })).status).toBe(200)
  })

  it.each([
    ['another origin', 403, { origin: 'https://evil.example.com', host: 't.example.com' }],
    ['another port', 403, { origin: 'https://t.example.com:8443', host: 't.example.com' }],
    ['the same name without TLS', 403, { origin: 'http://t.example.com', host: 't.example.com' }],
    ['no origin', 403, { origin: 'null', host: 't.example.com' }],
    ['a neighbour', 403, { 'sec-fetch-site': 'same-site' }],
    ['another site', 403, { 'sec-fetch-site': 'cross-site' }],
    ['an address bar', 403, { 'sec-fetch-site': 'none' }],
    ['a form', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['a form that hides JSON', 415, { 'content-type': 'text/plain' }],
    ['an unnamed type', 415, { 'content-type': '' }],
    ['a compressed body', 415, { 'content-encoding': 'gzip' }],
  ])('refuse %s: %i, and ask nobody', async (_what, status, headers) => {
    const refused = await post(DESCRIBE, '{}', { ...JSON_TYPE, ...headers })
    expect(refused).toMatchObject({ status, body: { error: { code: 'BAD_REQUEST' } } })
    expect(refused.headers.connection).toBe('close')
    expect(asked).toEqual([])
  })

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('refuse %s', async (method) => {
    const refused = await post(DESCRIBE, '', JSON_TYPE, method)
    expect(refused).toMatchObject({ status: 405, headers: { allow: 'POST' } })
    expect(asked).toEqual([])
  })

  it('take 64 KiB and not a byte more', async () => {
    const filled = (bytes: number): string => JSON.stringify({ x: 'x'.repeat(bytes - 8) })
    expect((await post(DESCRIBE, filled(64 * 1024))).status).toBe(200)
    expect((await post(DESCRIBE, filled(64 * 1024 + 1))).status).toBe(413)
    expect(asked).toHaveLength(1)
  })

  it.each(['', 'token=t', '{"token":', '\u0000'])(
    'refuse a body that is no JSON: %j',
    async (body) => {
      expect(await post(DESCRIBE, body)).toMatchObject({
        status: 400,
        body: { error: { message: 'the body is not JSON' } },
      })
      expect(asked).toEqual([])
    },
  )

  it.each([
    '/webapi/invites/describe/',
    `${DESCRIBE}?x`,
    '/webapi/invites',
    '/webapi/invites/../invites/describe',
  ])('are these paths alone, not %s', async (path) => {
    expect((await post(path, '{}')).status).toBe(418)
  })
})
