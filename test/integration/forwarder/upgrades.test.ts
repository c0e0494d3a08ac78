import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { valuesOf } from './support/api-server.ts'
import {
  EXEC,
  PATIENTLY,
  PODS,
  PROXIED,
  ROLE,
  Stage,
  type StageOptions,
  WATCH,
} from './support/stage.ts'
import { readAnswers } from './support/wire.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const ASKING =
  'Host: k\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4'
const REQUEST = `POST ${PROXIED}?command=sh HTTP/1.1\r\n${ASKING}\r\n\r\n`
const SWITCHED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4\r\n\r\n'

interface Wire {
  readonly socket: TLSSocket
  text(): string
}

async function start(options: StageOptions = {}): Promise<{ stage: Stage; wire: Wire }> {
  const stage = stack.use(await Stage.open(options))
  const socket = await stage.raw()
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return { stage, wire: { socket, text: () => Buffer.concat(chunks).toString('latin1') } }
}

/** A running stream: the client's end and the API server's. */
async function running(
  options: StageOptions = {},
): Promise<{ stage: Stage; wire: Wire; server: Duplex }> {
  const { stage, wire } = await start(options)
  const upgraded = Promise.withResolvers<Duplex>()
  stage.api.upgrade = (_request, socket) => {
    socket.write(SWITCHED)
    upgraded.resolve(socket)
  }
  wire.socket.write(REQUEST)
  const server = await upgraded.promise
  await expect.poll(() => wire.text(), PATIENTLY).toContain('\r\n\r\n')
  return { stage, wire, server }
}

describe('an upgrade that the API server takes', () => {
  test('carries raw bytes both ways, and those that came too early', async () => {
    const { stage, wire } = await start()
    const got: Buffer[] = []
    stage.api.upgrade = (_request, socket, head) => {
      got.push(head)
      socket.on('data', (chunk: Buffer) => got.push(chunk))
      socket.on('end', () => socket.end())
      socket.write(Buffer.concat([Buffer.from(SWITCHED), Buffer.from([0, 1, 2, 255])]))
    }
    wire.socket.write(Buffer.concat([Buffer.from(REQUEST), Buffer.from([9, 0, 255])]))
    await expect.poll(() => wire.text(), PATIENTLY).toMatch(/\x00\x01\x02\xff$/)
    const head = wire.text().slice(0, -4)
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
    expect(head).toMatch(/\r\nX-Stream-Protocol-Version: v4\r\n/)
    wire.socket.write(Buffer.alloc(100_000, 7))
    await expect.poll(() => Buffer.concat(got).length, PATIENTLY).toBe(100_003)
    expect(Buffer.concat(got).subarray(0, 4)).toEqual(Buffer.from([9, 0, 255, 7]))
    const [{ headers } = { headers: [] }] = stage.api.arrived
    expect(valuesOf(headers, 'impersonate-user')).toEqual(['alice'])
    expect(valuesOf(headers, 'upgrade')).toEqual(['SPDY/3.1'])
    wire.socket.end()
    await stage.expectAudited(PROXIED, {
      outcome: 'done',
      response_code: 101,
      kube_verb: 'proxy',
      bytes_sent: 4,
      bytes_received: 100_003,
    })
  })

  test('goes on in one direction when the other has ended', async () => {
    const { stage, wire, server } = await running({ allowHalfOpen: true })
    wire.socket.end('input')
    const got: Buffer[] = []
    server.on('data', (chunk: Buffer) => got.push(chunk))
    await once(server, 'end')
    expect(Buffer.concat(got).toString()).toBe('input')
    server.write('output')
    await expect.poll(() => wire.text(), PATIENTLY).toMatch(/output$/)
    expect(stage.forwarder.stats().exchanges).toBe(1)
    server.end()
    await stage.expectAudited(PROXIED, { outcome: 'done', bytes_sent: 6, bytes_received: 5 })
  })

  test('outlives the time that is given to its beginning', async () => {
    const { stage, wire } = await start({ limits: { upgradeTimeoutMs: 300 } })
    stage.api.upgrade = (_request, socket) => {
      socket.write(SWITCHED)
      socket.pipe(socket)
    }
    wire.socket.write(REQUEST)
    await expect.poll(() => wire.text(), PATIENTLY).toContain('101')
    await new Promise((resolve) => setTimeout(resolve, 600))
    wire.socket.write('still here')
    await expect.poll(() => wire.text(), PATIENTLY).toMatch(/still here$/)
  })

  test('whose API server goes away ends for the client, whatever that still sends', async () => {
    const { stage, wire, server } = await running()
    server.destroy()
    await once(wire.socket, 'end')
    wire.socket.write('more')
    await stage.expectAudited(PROXIED, { response_code: 101 })
    await stage.expectQuiet()
    // It neither reads nor closes: its connection ends nevertheless.
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })

  test('whose API server resets it is audited as failed', async () => {
    const { stage, wire, server } = await running()
    server.on('error', () => {})
    const [socket] = stage.api.sockets
    socket?.resetAndDestroy()
    await once(wire.socket, 'end')
    await stage.expectAudited(PROXIED, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
  })

  test('whose API server resets it after its last word still gives all to a slow client', async () => {
    const bytes = randomBytes(200_000)
    const upstream = new Duplex({
      // The client's buffer takes a part of it, the rest is read from the API server and waits.
      highWaterMark: bytes.length,
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        done()
        if (!chunk.includes('\r\n\r\n')) return
        upstream.push(SWITCHED)
        for (let at = 0; at < bytes.length; at += 10_000) {
          upstream.push(bytes.subarray(at, at + 10_000))
        }
        setImmediate(() => upstream.destroy(new Error('read ECONNRESET')))
      },
    })
    const { stage, wire } = await start({ dialled: upstream })
    wire.socket.write(REQUEST)
    await once(wire.socket, 'end')
    const text = wire.text()
    const got = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1')
    expect(got.length).toBe(bytes.length)
    expect(got.equals(bytes)).toBe(true)
    await stage.expectAudited(PROXIED, {
      outcome: 'failed',
      error_code: 'UPSTREAM_RESET',
      bytes_sent: bytes.length,
    })
  })

  test('whose client vanishes ends at the API server', async () => {
    const { stage, wire, server } = await running()
    wire.socket.destroy()
    await once(server.resume(), 'close')
    await stage.expectAudited(PROXIED, { response_code: 101 })
    await stage.expectQuiet()
  })

  test('is cut when the rights end, and the audit log says why', async () => {
    const { stage, wire, server } = await running()
    stage.access.change({ ...ROLE, deny: { kubernetes_labels: { env: 'test' } } })
    await Promise.all([once(wire.socket, 'end'), once(server.resume(), 'close')])
    await stage.expectAudited(PROXIED, { outcome: 'aborted', error_code: 'CLUSTER_DENIED' })
  })
})

describe('an upgrade that the API server does not take', () => {
  const status = JSON.stringify({ kind: 'Status', code: 403, message: 'pods "web" is forbidden' })

  test.each([
    [
      '403',
      `HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: ${status.length}\r\n\r\n${status}`,
      403,
      status,
    ],
    [
      '403 in chunks',
      `HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n${status.length.toString(16)}\r\n${status}\r\n0\r\n\r\n`,
      403,
      status,
    ],
    [
      '302',
      'HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1:10250/x\r\nContent-Length: 0\r\n\r\n',
      302,
      '',
    ],
    ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 200, 'ok'],
    ['400 until the end', 'HTTP/1.1 400 Bad Request\r\n\r\nno', 400, 'no'],
  ])(
    '%s: the answer passes, nothing behind it does, and both connections are closed',
    async (_name, bytes, code, body) => {
      const got: Buffer[] = []
      const { stage, wire } = await start({
        raw: (socket) => {
          socket.on('data', (chunk: Buffer) => {
            got.push(chunk)
            if (Buffer.concat(got).includes('\r\n\r\n')) socket.end(bytes)
          })
        },
      })
      wire.socket.write(
        `${REQUEST}GET /api/v1/secrets HTTP/1.1\r\nHost: k\r\nImpersonate-User: root\r\n\r\n`,
      )
      await once(wire.socket, 'end')
      const { answers, rest } = readAnswers(Buffer.from(wire.text(), 'latin1'))
      expect(answers).toMatchObject([{ status: code, text: body }])
      expect(rest).toBe('')
      expect(answers[0]?.headers.get('connection')).toBe('close')
      wire.socket.write('GET /api/v1/secrets HTTP/1.1\r\n\r\n')
      await stage.expectAudited(PROXIED, { outcome: 'done', response_code: code })
      await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
      expect(stage.api.sockets.size).toBe(0)
      const arrived = Buffer.concat(got).toString()
      expect(arrived).not.toContain('secrets')
      expect(arrived).not.toContain('root')
    },
  )

  test.each([
    [
      'switches to something else',
      'HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['switches to nothing', 'HTTP/1.1 101 Yes\r\n\r\n'],
    ['speaks no HTTP', 'SSH-2.0-x\r\n'],
    ['says nothing and closes', ''],
    ['breaks its refusal off', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nfour'],
    [
      'refuses at great length',
      `HTTP/1.1 403 Forbidden\r\nContent-Length: 2000000\r\n\r\n${'x'.repeat(2_000_000)}`,
    ],
  ])('an API server that %s: a Status in words', async (_name, bytes) => {
    const { stage, wire } = await start({
      raw: (socket) => socket.once('data', () => socket.end(bytes)),
    })
    wire.socket.write(REQUEST)
    await once(wire.socket, 'end')
    const { answers } = readAnswers(Buffer.from(wire.text(), 'latin1'))
    expect(answers).toMatchObject([{ status: 503 }])
    expect(JSON.parse(answers[0]?.text ?? '')).toMatchObject({ kind: 'Status', code: 503 })
    await stage.expectAudited(PROXIED, { outcome: 'failed', error_code: 'UPSTREAM_RESET' })
  })

  test('an API server that does not accept our own credential: a Status that says so', async () => {
    const { stage, wire } = await start()
    stage.api.upgrade = (_request, socket) =>
      void socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno')
    wire.socket.write(
      `GET ${WATCH} HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    )
    await once(wire.socket, 'end')
    expect(wire.text()).toMatch(/^HTTP\/1\.1 503 /)
    expect(wire.text()).toContain('no valid credentials')
    await stage.expectAudited(PODS, { outcome: 'failed', error_code: 'UPSTREAM_CREDENTIALS' })
    await expect.poll(() => stage.api.sockets.size, PATIENTLY).toBe(0)
  })

  test('an API server that does not answer in time', async () => {
    const { stage, wire } = await start({ limits: { upgradeTimeoutMs: 200 } })
    stage.api.upgrade = () => {}
    wire.socket.write(REQUEST)
    await once(wire.socket, 'end')
    expect(wire.text()).toMatch(/^HTTP\/1\.1 503 /)
    await stage.expectAudited(PROXIED, { outcome: 'failed' })
    await expect.poll(() => stage.api.sockets.size, PATIENTLY).toBe(0)
  })
})

describe('while the API server thinks about an upgrade', () => {
  async function waiting(): Promise<{ stage: Stage; wire: Wire }> {
    const { stage, wire } = await start()
    stage.api.upgrade = () => {}
    wire.socket.write(REQUEST)
    await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
    return { stage, wire }
  }

  test('the client leaves: aborted, and given up at the API server', async () => {
    const { stage, wire } = await waiting()
    wire.socket.destroy()
    await stage.expectAudited(PROXIED, { outcome: 'aborted', error_code: 'ABORTED' })
    await expect.poll(() => stage.api.sockets.size, PATIENTLY).toBe(0)
  })

  test('the rights end: a Status in words', async () => {
    const { stage, wire } = await waiting()
    stage.access.change(null)
    await once(wire.socket, 'end')
    expect(wire.text()).toMatch(/^HTTP\/1\.1 403 /)
    await stage.expectAudited(PROXIED, { outcome: 'denied', error_code: 'USER_GONE' })
    await expect.poll(() => stage.api.sockets.size, PATIENTLY).toBe(0)
  })
})

describe('an upgrade that we refuse', () => {
  test.each([
    ['of a LIST', `GET ${PODS} HTTP/1.1\r\n${ASKING}\r\n\r\n`, 400],
    [
      'to two protocols',
      `POST ${PROXIED} HTTP/1.1\r\n${ASKING}\r\nUpgrade: websocket\r\n\r\n`,
      400,
    ],
    ['with a body', `POST ${PROXIED} HTTP/1.1\r\n${ASKING}\r\nContent-Length: 5\r\n\r\nhello`, 400],
    [
      'with chunks',
      `POST ${PROXIED} HTTP/1.1\r\n${ASKING}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      'of somebody else',
      `POST ${PROXIED} HTTP/1.1\r\n${ASKING}\r\nImpersonate-User: root\r\n\r\n`,
      403,
    ],
  ])('%s is told so in words, and never goes up', async (_name, bytes, code) => {
    const { stage, wire } = await start()
    wire.socket.write(bytes)
    await once(wire.socket, 'end')
    const { answers } = readAnswers(Buffer.from(wire.text(), 'latin1'))
    expect(answers).toMatchObject([{ status: code }])
    expect(JSON.parse(answers[0]?.text ?? '')).toMatchObject({ kind: 'Status', code })
    expect(stage.api.arrived).toEqual([])
  })

  test('behind requests without an answer yet loses the connection, and nothing of them stays', async () => {
    const { stage, wire } = await start()
    // The second waits for its turn, which never comes: nobody hears of it from its connection.
    stage.api.answer = () => {}
    const asked = [`${PODS}/a`, `${PODS}/b`]
    for (const path of asked) wire.socket.write(`GET ${path} HTTP/1.1\r\nHost: k\r\n\r\n`)
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(2)
    wire.socket.write(REQUEST)
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    await stage.expectQuiet()
    for (const path of asked) await stage.expectAudited(path, { outcome: 'aborted' })
    expect(stage.metrics.ended).toHaveLength(2)
    expect(stage.api.of(PROXIED)).toEqual([])
    expect(wire.text()).toBe('')
  })

  test('by CONNECT, in both versions', async () => {
    const { stage, wire } = await start()
    wire.socket.write('CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n')
    await once(wire.socket, 'end')
    expect(wire.text()).toMatch(/^HTTP\/1\.1 405 /)
    await stage.expectAudited('10.0.0.1:443', {
      user: 'alice',
      verb: 'CONNECT',
      response_code: 405,
    })
    const client = await stage.client('HTTP/2')
    if (!('session' in client)) throw new Error('no session')
    const { session } = client as unknown as { session: import('node:http2').ClientHttp2Session }
    const stream = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:443' })
    stream.on('error', () => {})
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(405)
    stream.close()
    await stage.expectAudited('', { user: 'alice', verb: 'CONNECT', response_code: 405 })
    expect(stage.api.arrived).toEqual([])
  })

  test('by extended CONNECT is told on its stream, was never offered, and disturbs nothing else', async () => {
    const { stage } = await start()
    const client = await stage.client('HTTP/2')
    expect((await client.ask({ path: PODS })).status).toBe(200)
    const { session } = client as unknown as { session: import('node:http2').ClientHttp2Session }
    expect(session.remoteSettings.enableConnectProtocol).toBe(false)
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':authority': 'k',
      ':path': `${EXEC}?command=id&stdout=1`,
    })
    stream.on('error', () => {})
    await new Promise((resolve) => stream.once('close', resolve))
    expect(stream.rstCode).toBe(constants.NGHTTP2_PROTOCOL_ERROR)
    expect((await client.ask({ path: PODS })).status).toBe(200)
    expect(stage.api.of(EXEC)).toEqual([])
  })

  test('an HTTP/2 client cannot ask for one', async () => {
    const { stage } = await start()
    const client = await stage.client('HTTP/2')
    expect(() => client.call({ path: PROXIED, headers: ['Upgrade', 'SPDY/3.1'] })).toThrow()
    // An exec without an upgrade goes up as it is; the API server says what it thinks of that.
    stage.api.answer = (_request, response) => {
      response.statusCode = 400
      response.end('Upgrade request required')
    }
    const answer = await client.ask({ method: 'POST', path: PROXIED })
    expect(answer).toMatchObject({ status: 400, text: 'Upgrade request required' })
    await stage.expectAudited(PROXIED, { kube_verb: 'proxy', response_code: 400 })
  })
})
