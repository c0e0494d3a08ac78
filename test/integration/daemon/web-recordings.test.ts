import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  request,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StrangerAnswer, StrangerCall } from '../../../src/api/index.ts'
import { silentLogger } from '../../../src/core/index.ts'
import { createRecordingRoutes } from '../../../src/daemon/web-recordings.ts'
import { NO_CHUNKS, nextChain } from '../../../src/recording/index.ts'
import { chunksOf, freshFacts, output, session } from '../../support/recordings.ts'

const ADDRESS = '192.0.2.7:4711'
const ID = '2f0c5f6e-6a5e-4d8e-9a55-0b7a5a7f2d11'
const VIEW = 'a'.repeat(32)
const COOKIE = `__Secure-teleport-recording=${VIEW}`
const EXPIRES = '2026-11-26T00:30:00.000Z'
const CHUNKS = chunksOf(
  session(freshFacts({ sessionId: ID }), [output(1, 'a'), output(2, 'b'), output(3, 'c')]),
  1,
)

const RECORDING = {
  chunks: CHUNKS.length,
  bytes: 5,
  sha256: CHUNKS.reduce(
    (chain, chunk) => nextChain(chain, createHash('sha256').update(chunk).digest()),
    NO_CHUNKS,
  ).toString('hex'),
  state: 'complete',
}

const good = (body: unknown): StrangerAnswer => ({ status: 200, body, retryAfterS: null })
const bad = (status: number, code: string): StrangerAnswer => ({
  status,
  body: { error: { code, message: 'words' } },
  retryAfterS: null,
})

describe('recordings on the web port', () => {
  let asked: { what: StrangerCall; body: unknown; address: string }[]
  let answers: Partial<Record<StrangerCall, (body: never) => StrangerAnswer>>
  let stack: AsyncDisposableStack
  let port: number
  beforeEach(async () => {
    asked = []
    answers = {
      'recording_views.open': () => good({ view: VIEW, expires: EXPIRES }),
      'recording_views.describe': () =>
        good({ viewer: 'rita', expires: EXPIRES, recording: RECORDING }),
      'recording_views.chunk': ({ index }: { index: number }) => good(CHUNKS[index]),
    }
    const routes = createRecordingRoutes(
      {
        async call(what, body, address) {
          asked.push({ what, body, address })
          return answers[what]?.(body as never) ?? bad(500, 'INTERNAL')
        },
      },
      silentLogger,
    )
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

  const ask = (
    method: string,
    path: string,
    headers: OutgoingHttpHeaders = {},
    body = '',
  ): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port, path, method, headers, agent: false },
        (response) => {
          let text = ''
          response.on('data', (chunk: Buffer) => {
            text += chunk.toString()
          })
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
          )
          response.on('error', reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  const get = (path: string, headers: OutgoingHttpHeaders = { cookie: COOKIE }) =>
    ask('GET', path, headers)
  const open = (headers: OutgoingHttpHeaders = {}) =>
    ask(
      'POST',
      '/webapi/recordings/open',
      { 'content-type': 'application/json', ...headers },
      JSON.stringify({ id: ID, token: 'b'.repeat(32) }),
    )

  it('a link becomes a cookie of that recording, which no script and no other page has', async () => {
    const { status, headers, text } = await open()
    expect({ status, text }).toEqual({ status: 200, text: JSON.stringify({ expires: EXPIRES }) })
    expect(headers['set-cookie']).toEqual([
      `${COOKIE}; Path=/webapi/recordings/${ID}; HttpOnly; Secure; SameSite=Strict`,
    ])
    expect(headers['cache-control']).toBe('no-store')
    expect(asked).toEqual([
      {
        what: 'recording_views.open',
        body: { id: ID, token: 'b'.repeat(32) },
        address: ADDRESS,
      },
    ])
  })

  it('a link that is refused gives no cookie', async () => {
    answers['recording_views.open'] = () => bad(410, 'RECORDING_LINK_USED')
    const { status, headers } = await open()
    expect({ status, cookie: headers['set-cookie'] }).toEqual({ status: 410, cookie: undefined })
  })

  it('pages of other sites open nothing and read nothing', async () => {
    for (const headers of [
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'https://elsewhere.example.com' },
    ]) {
      expect((await open(headers)).status).toBe(403)
      expect(
        (await get(`/webapi/recordings/${ID}/cast`, { ...headers, cookie: COOKIE })).status,
      ).toBe(403)
    }
    expect(asked).toEqual([])
  })

  it('without a cookie of the right form nobody is asked', async () => {
    for (const cookie of ['', 'other=1', '__Secure-teleport-recording=../../etc', `x${COOKIE}`]) {
      expect((await get(`/webapi/recordings/${ID}`, { cookie })).status).toBe(401)
    }
    expect(asked).toEqual([])
  })

  it('is read with GET', async () => {
    const { status, headers } = await ask('PUT', `/webapi/recordings/${ID}`, { cookie: COOKIE })
    expect({ status, allow: headers['allow'] }).toEqual({ status: 405, allow: 'GET' })
  })

  it.each(['/webapi/recordings/', '/webapi/recordings/x', `/webapi/recordings/${ID}/x`])(
    '%s is none of its paths',
    async (path) => {
      expect((await get(path)).status).toBe(418)
    },
  )

  it('tells of the recording, and whether a page has all of it', async () => {
    expect(JSON.parse((await get(`/webapi/recordings/${ID}`)).text)).toEqual({
      viewer: 'rita',
      expires: EXPIRES,
      recording: RECORDING,
      shortened: false,
    })
    answers['recording_views.describe'] = () =>
      good({ viewer: 'rita', expires: EXPIRES, recording: { ...RECORDING, bytes: 2 ** 30 } })
    expect(JSON.parse((await get(`/webapi/recordings/${ID}`)).text)).toMatchObject({
      shortened: true,
    })
  })

  it('streams it, piece by piece', async () => {
    const { status, text } = await get(`/webapi/recordings/${ID}/cast`, {
      cookie: `first=1; ${COOKIE}; last=2`,
    })
    expect(status).toBe(200)
    expect(text.match(/"o","."/g)).toEqual(['"o","a"', '"o","b"', '"o","c"'])
    expect(text).not.toContain('not those that were recorded')
    const chunks = asked.filter(({ what }) => what === 'recording_views.chunk')
    expect(chunks.map(({ body }) => body)).toEqual(
      CHUNKS.map((_, index) => ({ id: ID, view: VIEW, index })),
    )
  })

  it('says so when its pieces are not those that were recorded', async () => {
    const recording = { ...RECORDING, sha256: '0'.repeat(64) }
    answers['recording_views.describe'] = () =>
      good({ viewer: 'rita', expires: EXPIRES, recording })
    const { text } = await get(`/webapi/recordings/${ID}/cast`)
    expect(text).toContain('"o","c"')
    expect(text).toContain('not those that were recorded')
  })

  it('passes a refusal on, with its words', async () => {
    answers['recording_views.chunk'] = () => bad(409, 'RECORDING_ENCRYPTED')
    expect(await get(`/webapi/recordings/${ID}/cast`)).toMatchObject({
      status: 409,
      text: expect.stringContaining('RECORDING_ENCRYPTED') as string,
    })
    answers['recording_views.describe'] = () => bad(401, 'RECORDING_VIEW_ENDED')
    expect((await get(`/webapi/recordings/${ID}`)).status).toBe(401)
    expect((await get(`/webapi/recordings/${ID}/cast`)).status).toBe(401)
  })

  it('breaks off when a later piece cannot be had, instead of ending as if it were all', async () => {
    const give = answers['recording_views.chunk']
    answers['recording_views.chunk'] = (body: never) =>
      (body as { index: number }).index < 2
        ? (give?.(body) ?? bad(500, 'INTERNAL'))
        : bad(403, 'LOCKED')
    await expect(get(`/webapi/recordings/${ID}/cast`)).rejects.toThrow()
  })
})
