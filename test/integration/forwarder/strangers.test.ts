import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { ApiRequest, ApiResponse } from './support/api-server.ts'
import { versions } from './support/clients.ts'
import { frame } from './support/http2-frames.ts'
import type { Credentials } from './support/people.ts'
import {
  PATIENTLY,
  PODS,
  ROLE,
  SERVER_NAME,
  Stage,
  type StageOptions,
  WATCH,
} from './support/stage.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})
const open = async (options: StageOptions = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

/** What a client says first (RFC 9113, 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

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
    // Sixty at once, and one more for each second that this took.
    expect(one.length).toBeGreaterThanOrEqual(60)
    expect(one.length).toBeLessThan(100)
    for (const event of one) expect(JSON.stringify(event).length).toBeLessThan(5000)
    await stage.forwarder.close(0)
    expect(stage.audit.events.at(-1)).toMatchObject({
      error_code: 'CERT_MISSING',
      repeated: 100 - one.length,
    })
  })
})

describe('who was deleted', () => {
  test.each(versions)(
    'cannot fill the audit log with his certificate, over %s',
    async (version) => {
      const stage = await open()
      stage.access.change(null)
      for (let count = 0; count < 100; count += 1) {
        const client = await stage.client(version)
        expect((await client.ask({ path: `${PODS}/a` })).status).toBe(403)
      }
      await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
      const one = stage.audit.events.length
      expect(one).toBeGreaterThanOrEqual(60)
      expect(one).toBeLessThan(100)
      await stage.forwarder.close(0)
      expect(stage.audit.events.at(-1)).toMatchObject({
        error_code: 'USER_GONE',
        user: 'alice',
        repeated: 100 - one,
      })
    },
  )

  test('while his request is audited, is told with the end of that event', async () => {
    const stage = await open()
    // So many that what comes now would be gathered.
    stage.access.change(null)
    for (let count = 0; count < 70; count += 1) {
      await (await stage.client('HTTP/1.1')).ask({ path: `${PODS}/before` })
    }
    stage.access.change(ROLE)
    stage.audit.hold = ({ outcome }) => {
      if (outcome === 'started') stage.access.change(null)
      return null
    }
    const client = await stage.client('HTTP/1.1')
    expect((await client.ask({ method: 'DELETE', path: `${PODS}/a` })).status).toBe(403)
    await stage.expectAudited(`${PODS}/a`, { outcome: 'denied', error_code: 'USER_GONE' })
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

  test('over HTTP/2 goes as well when he does not close his half', async () => {
    const stage = await open({ limits: { keepAliveTimeoutMs: 100 } })
    const socket = await stage.raw('h2')
    socket.resume()
    socket.write(Buffer.concat([PREFACE, frame(4, 0, 0, new Uint8Array())]))
    await once(socket, 'end')
    await expect.poll(() => stage.forwarder.stats().connections, PATIENTLY).toBe(0)
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
    const served = (): Promise<number> => {
      const watch = client.call({ path: WATCH })
      watches.push(watch)
      return watch.head
    }
    await expect.poll(served, PATIENTLY).toBe(200)
    for (const watch of watches) watch.abort()
  })

  test.each(versions)(
    'cannot hold more while they wait for the audit log, over %s',
    async (version) => {
      const stage = await open({ limits: { maxExchangesPerUser: 3 } })
      const written = Promise.withResolvers<void>()
      stage.audit.hold = ({ outcome }) => (outcome === 'started' ? written.promise : null)
      const client = await stage.client(version)
      const calls = Array.from({ length: 10 }, () =>
        client.call({ method: 'DELETE', path: `${PODS}/a` }),
      )
      // Seven are refused while three wait.
      await expect
        .poll(() => stage.audit.events.filter(({ outcome }) => outcome === 'denied').length)
        .toBe(7)
      written.resolve()
      const statuses = await Promise.all(calls.map(async ({ answer }) => (await answer).status))
      expect(statuses.sort()).toEqual([200, 200, 200, ...Array.from({ length: 7 }, () => 429)])
      expect(stage.api.arrived).toHaveLength(3)
    },
  )

  test('cannot hold more by not reading the answers', async () => {
    const stage = await open({ limits: { maxExchangesPerUser: 3 } })
    stage.api.answer = (_request, response) => void response.end(Buffer.alloc(20_000, 'x'))
    const { secured } = await stage.connect('h2')
    const session = connectHttp2('https://k', {
      createConnection: () => secured,
      settings: { initialWindowSize: 100 },
    })
    const ask = async (): Promise<unknown> => {
      const stream = session.request({ ':path': `${PODS}/a` })
      stream.on('error', () => {})
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
      return headers[':status']
    }
    for (let count = 0; count < 3; count += 1) expect(await ask()).toBe(200)
    // The API server's part of them is over.
    await stage.expectQuiet()
    expect(await ask()).toBe(429)
    session.destroy()
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

test('words reach a client that has ended its own half already', async () => {
  const stage = await open()
  const { secured } = await stage.connect('http/1.1', null, true)
  let text = ''
  secured.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  secured.end('this is no request\r\n\r\n')
  await once(secured, 'end')
  expect(text).toMatch(/^HTTP\/1\.1 400 /)
})

describe('connections', () => {
  /** Whether a new connection of somebody gets an answer. */
  async function answered(stage: Stage, credentials: Credentials | null): Promise<boolean> {
    const { secured } = await stage.connect('http/1.1', credentials)
    secured.write(`GET ${PODS} HTTP/1.1\r\nHost: k\r\n\r\n`)
    const first = await Promise.race([
      once(secured, 'data').then(() => true),
      once(secured, 'close').then(() => false),
    ])
    secured.destroy()
    return first
  }

  test('of strangers are few for one address, and nobody else waits for them', async () => {
    const stage = await open({ limits: { maxStrangersPerAddress: 3 } })
    for (let count = 0; count < 3; count += 1) await stage.connect('http/1.1', null)
    expect(await answered(stage, null)).toBe(false)
    expect(await answered(stage, stage.authorities.alice)).toBe(true)
    expect(stage.log.warnings).toEqual([
      'too many connections of one address prove nobody: further ones are closed',
    ])
  })

  test('of all strangers together leave places to the others', async () => {
    const stage = await open({ limits: { maxStrangers: 2, maxConnections: 3 } })
    const { secured } = await stage.connect('h2', null)
    await stage.connect('http/1.1', null)
    expect(await answered(stage, null)).toBe(false)
    expect(await answered(stage, stage.authorities.alice)).toBe(true)
    // A place that is given back is free.
    secured.destroy()
    await expect.poll(() => answered(stage, null), PATIENTLY).toBe(true)
  })

  test('of who was deleted are those of a stranger', async () => {
    const stage = await open({ limits: { maxStrangersPerAddress: 1 } })
    stage.access.change(null)
    await stage.connect('http/1.1')
    expect(await answered(stage, stage.authorities.alice)).toBe(false)
  })

  test.each(['h2', 'http/1.1'])('of one person are not all of them, over %s', async (alpn) => {
    const stage = await open({ limits: { maxConnectionsPerHolder: 2 } })
    const bob = await stage.authorities.users.certify('bob')
    await stage.connect(alpn)
    await stage.connect(alpn)
    expect(await answered(stage, stage.authorities.alice)).toBe(false)
    expect(await answered(stage, bob)).toBe(true)
  })

  test('of strangers may not send heads as large as those of a person', async () => {
    const stage = await open()
    const head = `GET ${PODS} HTTP/1.1\r\nHost: k\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`
    const statusFor = async (credentials: Credentials | null): Promise<string> => {
      const { secured } = await stage.connect('http/1.1', credentials)
      secured.write(head)
      const [chunk] = (await once(secured, 'data')) as [Buffer]
      secured.destroy()
      return chunk.toString('latin1', 0, 12)
    }
    expect(await statusFor(null)).toBe('HTTP/1.1 431')
    expect(await statusFor(stage.authorities.alice)).toBe('HTTP/1.1 200')
  })
})

describe('handshakes', () => {
  test('that do not end are few for one address, and leave with it', async () => {
    const stage = await open({ limits: { maxHandshakesPerAddress: 3, handshakeTimeoutMs: 60_000 } })
    const slow = Array.from({ length: 3 }, () => connect(stage.port, '127.0.0.1'))
    await Promise.all(slow.map((socket) => once(socket, 'connect')))
    await expect.poll(() => stage.forwarder.stats().connections, PATIENTLY).toBe(3)
    const further = connect(stage.port, '127.0.0.1')
    further.on('error', () => {})
    further.resume()
    await once(further, 'close')
    for (const socket of slow) socket.destroy()
    await expect.poll(() => stage.forwarder.stats().connections, PATIENTLY).toBe(0)
    expect(await answeredOnce(stage)).toBe(200)
  })

  test('that have ended make room for others', async () => {
    const stage = await open({ limits: { maxHandshakesPerAddress: 1 } })
    for (let count = 0; count < 5; count += 1) {
      const { secured } = await stage.connect('http/1.1')
      secured.write(`GET ${PODS} HTTP/1.1\r\nHost: k\r\n\r\n`)
      await once(secured, 'data')
    }
    expect(stage.forwarder.stats().connections).toBe(5)
  })

  async function answeredOnce(stage: Stage): Promise<number> {
    return (await (await stage.client('HTTP/1.1')).ask({ path: `${PODS}/a` })).status
  }
})
