import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { ApiRequest, ApiResponse } from './support/api-server.ts'
import { versions } from './support/clients.ts'
import { PATIENTLY, PODS, SERVER_NAME, Stage, type StageOptions, WATCH } from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})
const open = async (options: StageOptions = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

/** A watch that has nothing to say. */
const begin = (_request: ApiRequest, response: ApiResponse): void => {
  response.statusCode = 200
  response.write('{}')
}

describe('who shows no certificate', () => {
  test('gets words on HTTP/1.1, and his connection ends', async () => {
    const stage = await open()
    const { secured } = await stage.connect('http/1.1', null)
    let text = ''
    secured.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    secured.write(`GET ${PODS} HTTP/1.1\r\nHost: k\r\n\r\n`)
    await once(secured, 'end')
    expect(text).toMatch(/^HTTP\/1\.1 401 /)
    expect(text).toContain('"reason":"Unauthorized"')
    expect(text.toLowerCase()).toContain('connection: close')
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })

  test('gets words on HTTP/2, and his connection ends', async () => {
    const stage = await open()
    const { secured } = await stage.connect('h2', null)
    const session = connectHttp2('https://k', { createConnection: () => secured })
    session.on('error', () => {})
    const stream = session.request({ ':path': PODS })
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(401)
    stream.resume()
    await once(session, 'close')
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })

  test('cannot fill the audit log: beyond a rate his refusals are counted', async () => {
    const stage = await open()
    for (let count = 0; count < 100; count += 1) {
      const { secured } = await stage.connect('http/1.1', null)
      secured.write(`GET ${PODS}/${'x'.repeat(5000)} HTTP/1.1\r\nHost: k\r\n\r\n`)
      secured.resume()
      await once(secured, 'end')
    }
    const one = stage.audit.events.filter((event) => !('repeated' in event))
    expect(one).toHaveLength(60)
    for (const event of one) expect(JSON.stringify(event).length).toBeLessThan(5000)
    await stage.forwarder.close(0)
    expect(stage.audit.events.at(-1)).toMatchObject({ error_code: 'CERT_MISSING', repeated: 40 })
  })
})

describe('who comes and does nothing', () => {
  test('over HTTP/2 is asked to go', async () => {
    const stage = await open({ limits: { keepAliveTimeoutMs: 100 } })
    const { secured } = await stage.connect('h2')
    const session = connectHttp2('https://k', { createConnection: () => secured })
    await once(session, 'close')
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })

  test('over HTTP/2 may stay as long as he has a watch', async () => {
    const stage = await open({ limits: { keepAliveTimeoutMs: 100 } })
    stage.api.answer = begin
    const client = await stage.client('HTTP/2')
    const watch = client.call({ path: WATCH })
    expect(await watch.head).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(stage.forwarder.stats()).toEqual({ connections: 1, exchanges: 1 })
    watch.abort()
    await expect.poll(() => stage.forwarder.stats().connections, PATIENTLY).toBe(0)
  })

  test('and leaves with the last word of his handshake is not kept', async () => {
    const stage = await open()
    const tcp = connect({ port: stage.port, host: '127.0.0.1' })
    tcp.on('error', () => {})
    await once(tcp, 'connect')
    // The last flight and the FIN leave together.
    let held: Buffer[] | null = null
    const line = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, callback) {
        if (held === null) tcp.write(chunk)
        else held.push(chunk)
        callback()
      },
    })
    tcp.on('data', (chunk: Buffer) => {
      held ??= []
      line.push(chunk)
    })
    const { alice, kube } = stage.authorities
    const secured = connectTls({
      socket: line,
      servername: SERVER_NAME,
      ca: kube.ca,
      ALPNProtocols: ['h2'],
      ...alice,
    })
    secured.on('error', () => {})
    await once(secured, 'secureConnect')
    await expect.poll(() => held?.length ?? 0, PATIENTLY).toBeGreaterThan(0)
    tcp.end(Buffer.concat(held ?? []), () => tcp.destroy())
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })
})

describe('who speaks no HTTP/2 where he said so', () => {
  test('and does not close is cut', async () => {
    const stage = await open()
    const { secured } = await stage.connect('h2', stage.authorities.alice, true)
    secured.resume()
    secured.write('x'.repeat(100))
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })
})

describe('one person', () => {
  test.each(versions)('has so many requests at once and no more, over %s', async (version) => {
    const stage = await open({ limits: { maxExchangesPerUser: 3 } })
    stage.api.answer = begin
    const client = await stage.client(version)
    const watches = Array.from({ length: 3 }, () => client.call({ path: WATCH }))
    for (const watch of watches) expect(await watch.head).toBe(200)
    const refused = await client.ask({ path: `${PODS}/a` })
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.text)).toMatchObject({ kind: 'Status', reason: 'TooManyRequests' })
    await stage.expectAudited(`${PODS}/a`, { error_code: 'TOO_MANY_REQUESTS', outcome: 'denied' })
    watches[0]?.abort()
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(2)
    const served = client.call({ path: WATCH })
    expect(await served.head).toBe(200)
    for (const watch of [...watches, served]) watch.abort()
  })

  test('cannot hold more by sending requests before their answers', async () => {
    const stage = await open({ limits: { maxPipelinedRequests: 4 } })
    stage.api.answer = begin
    const socket = await stage.raw()
    socket.write(`GET ${WATCH} HTTP/1.1\r\nHost: k\r\n\r\n`.repeat(5))
    socket.resume()
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    await stage.expectQuiet()
  })
})
