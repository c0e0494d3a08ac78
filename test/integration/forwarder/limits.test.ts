import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Client, versions } from './support/clients.ts'
import { PATIENTLY, PODS, Stage, type StageOptions, WATCH } from './support/stage.ts'
import { readAnswers } from './support/wire.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack[Symbol.asyncDispose]()
  stack = new AsyncDisposableStack()
})

const ITEM = `${PODS}/a`
const open = async (options: StageOptions = {}): Promise<Stage> =>
  stack.use(await Stage.open(options))

/** What HTTP/1.1 bytes are answered with, until our side ends. */
async function talk(stage: Stage, bytes: string): Promise<string> {
  const socket = await stage.raw()
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(bytes, 'latin1')
  await once(socket, 'end')
  return Buffer.concat(chunks).toString('latin1')
}

function statusOf(text: string): { status: number; body: unknown } {
  const { answers, rest } = readAnswers(Buffer.from(text, 'latin1'))
  expect(rest).toBe('')
  expect(answers).toHaveLength(1)
  return { status: answers[0]?.status ?? 0, body: JSON.parse(answers[0]?.text ?? 'null') }
}

describe('HTTP/1.1', () => {
  const request = (lines: string): string => `GET ${ITEM} HTTP/1.1\r\nHost: k\r\n${lines}\r\n`

  test('more bytes of headers than the limit: 431 in words', async () => {
    const stage = await open({ limits: { maxHeaderBytes: 8192 } })
    const { status, body } = statusOf(await talk(stage, request(`X: ${'x'.repeat(10_000)}\r\n`)))
    expect(status).toBe(431)
    expect(body).toMatchObject({ kind: 'Status', status: 'Failure' })
    expect(stage.api.arrived).toEqual([])
  })

  test.each([
    ['', ''],
    ['with a body', 'Content-Length: 2\r\n'],
    ['that asks for an upgrade', 'Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n'],
  ])(
    'more headers than the limit %s: refused in words, and not cut short',
    async (_name, lines) => {
      const stage = await open({ limits: { maxHeaderPairs: 50 } })
      const many = 'X: y\r\n'.repeat(100)
      const bytes = `${request(`${lines}${many}Impersonate-User: root\r\n`)}{}`
      const { status, body } = statusOf(await talk(stage, bytes))
      expect(status).toBe(431)
      expect(body).toMatchObject({ kind: 'Status', status: 'Failure' })
      expect(stage.api.arrived).toEqual([])
    },
  )

  test('as many headers as the limit pass', async () => {
    const stage = await open({ limits: { maxHeaderPairs: 50 } })
    const socket = await stage.raw()
    socket.write(request(`${'X-Many: y\r\n'.repeat(48)}X-Last: 1\r\n`))
    await expect.poll(() => stage.api.arrived.length, PATIENTLY).toBe(1)
    expect(stage.api.arrived[0]?.headers).toContain('X-Last')
  })

  test.each([
    ['no request', 'hello\r\n\r\n'],
    ['zeroes', '\0'.repeat(64)],
    ['no Host', `GET ${ITEM} HTTP/1.1\r\n\r\n`],
    ['a header without a name', request(': x\r\n')],
    ['a blank before the colon', request('X : y\r\n')],
    ['a folded header', request('X: y\r\n z\r\n')],
    ['a line feed alone', `GET ${ITEM} HTTP/1.1\nHost: k\n\n`],
    ['two lengths', request('Content-Length: 1\r\nContent-Length: 2\r\n')],
    ['a length and chunks', request('Content-Length: 1\r\nTransfer-Encoding: chunked\r\n')],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['version 2 in words', `GET ${ITEM} HTTP/2.0\r\nHost: k\r\n\r\n`],
  ])('%s: 400 in words, the connection ends, nothing goes up', async (_name, bytes) => {
    const stage = await open()
    const text = await talk(stage, bytes)
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(stage.api.arrived).toEqual([])
    // A client that neither reads nor closes is left behind.
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
  })

  test('an encoding that we do not know ends the connection', async () => {
    const stage = await open()
    const lines = 'Transfer-Encoding: gzip\r\n'
    const text = await talk(stage, `POST ${PODS} HTTP/1.1\r\nHost: k\r\n${lines}\r\n{}`)
    expect(text).not.toMatch(/^HTTP\/1\.1 2/)
    await stage.expectAudited(PODS, { outcome: 'aborted', bytes_received: 0 })
    expect(stage.api.arrived).toEqual([])
  })

  test('a chunk that is none, in a request that went up: the request is aborted', async () => {
    const stage = await open()
    stage.api.answer = (incoming) => void incoming.resume()
    await talk(
      stage,
      `POST ${PODS} HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n`,
    )
    await stage.expectAudited(PODS, { outcome: 'aborted' })
  })
})

describe('HTTP/2', () => {
  const sessionOf = (client: Client): ClientHttp2Session =>
    (client as unknown as { session: ClientHttp2Session }).session

  test('more headers than the limit never go up', async () => {
    const stage = await open({ limits: { maxHeaderPairs: 50 } })
    const client = await stage.client('HTTP/2')
    const headers = Array.from({ length: 100 }, () => ['x', 'y']).flat()
    expect((await client.ask({ path: ITEM, headers })).status).not.toBe(200)
    expect(stage.api.arrived).toEqual([])
  })

  test('more bytes of headers than the limit never go up', async () => {
    const stage = await open({ limits: { maxHeaderBytes: 8192 } })
    const client = await stage.client('HTTP/2')
    const headers = Array.from({ length: 10 }, () => ['x', 'y'.repeat(2000)]).flat()
    expect((await client.ask({ path: ITEM, headers })).status).not.toBe(200)
    expect(stage.api.arrived).toEqual([])
  })

  test('more streams at once than the limit are refused, and the others go on', async () => {
    const stage = await open({ limits: { maxConcurrentStreams: 5 } })
    stage.api.answer = (_request, response) => void response.write('line\n')
    const client = await stage.client('HTTP/2')
    const calls = Array.from({ length: 20 }, () => client.call({ path: WATCH }))
    await expect.poll(() => calls.filter((call) => call.received() > 0).length, PATIENTLY).toBe(5)
    expect(stage.forwarder.stats().exchanges).toBe(5)
    expect(stage.api.arrived.length).toBe(5)
    expect(sessionOf(client).remoteSettings.maxConcurrentStreams).toBe(5)
  })

  test('a client may send a window’s bytes on a stream that nobody reads, and no more', async () => {
    const windowBytes = 128 * 1024
    const stage = await open({ limits: { streamWindowBytes: windowBytes } })
    stage.api.answer = () => {}
    const client = await stage.client('HTTP/2')
    // The preface of the server has come when it has answered.
    expect(sessionOf(client).remoteSettings.initialWindowSize).toBe(windowBytes)
    const call = client.call({ method: 'POST', path: PODS, body: 'open' })
    expect(call.write(Buffer.alloc(64 * windowBytes, 'x'))).toBe(false)
    let drained = false
    call.onDrain(() => {
      drained = true
    })
    await expect.poll(() => stage.forwarder.stats().exchanges, PATIENTLY).toBe(1)
    expect(drained).toBe(false)
    call.abort()
  })

  test('answers that nobody reads end a connection when they are more than its memory', async () => {
    const stage = await open({ limits: { maxSessionMemoryMb: 1 } })
    const chunk = Buffer.alloc(256 * 1024, 'x')
    stage.api.answer = (_request, response) => {
      for (let count = 0; count < 4; count += 1) response.write(chunk)
    }
    const greedy = await stage.client('HTTP/2')
    const calls = Array.from({ length: 100 }, () => {
      const call = greedy.call({ path: `${PODS}/a/log?follow=true` })
      call.pause()
      return call
    })
    let broken = 0
    for (const { answer } of calls) {
      void answer.then(({ whole }) => {
        if (!whole) broken += 1
      })
    }
    await expect.poll(() => broken, PATIENTLY).toBeGreaterThan(0)
    for (const call of calls) call.abort()
    stage.api.answer = (_request, response) => response.end('ok')
    const other = await stage.client('HTTP/2')
    expect(await other.ask({ path: ITEM })).toMatchObject({ text: 'ok' })
  })

  test('streams that are reset rapidly end the connection, and nothing stays', async () => {
    const stage = await open({ limits: { streamResetBurst: 50, streamResetRate: 1 } })
    const client = await stage.client('HTTP/2')
    const session = sessionOf(client)
    let sent = 0
    while (!session.destroyed && stage.sockets.size > 0 && sent < 2000) {
      client.call({ path: ITEM }).abort()
      sent += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    await expect.poll(() => stage.sockets.size, PATIENTLY).toBe(0)
    await stage.expectQuiet()
    expect(sent).toBeGreaterThan(50)
    expect(stage.audit.events.length).toBeLessThan(100)
    const fresh = await stage.client('HTTP/2')
    expect(await fresh.ask({ path: `${PODS}/b` })).toMatchObject({ text: 'ok', whole: true })
  })

  test('streams that are reset within the limit do not', async () => {
    const stage = await open()
    const client = await stage.client('HTTP/2')
    for (let index = 0; index < 900; index += 1) client.call({ path: ITEM }).abort()
    expect(await client.ask({ path: `${PODS}/b` })).toMatchObject({ text: 'ok', whole: true })
    await stage.expectQuiet()
  })
})

describe.each(versions)('%s connections', (version) => {
  test('beyond the limit are closed, and there is room again when one ends', async () => {
    const stage = await open({ limits: { maxConnections: 2 } })
    stage.api.answer = (_request, response) => void response.write('line\n')
    const clients = [await stage.client(version), await stage.client(version)]
    const calls = clients.map((client) => client.call({ path: WATCH }))
    for (const call of calls) await expect.poll(() => call.received(), PATIENTLY).toBe(5)
    const socket = connect(stage.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
    expect(stage.forwarder.stats().connections).toBe(2)
    clients[0]?.close()
    await expect.poll(() => stage.forwarder.stats().connections, PATIENTLY).toBe(1)
    const third = (await stage.client(version)).call({ path: WATCH })
    await expect.poll(() => third.received(), PATIENTLY).toBe(5)
  })

  test('without a whole handshake in time are closed', async () => {
    const stage = await open({ limits: { handshakeTimeoutMs: 200 } })
    for (const bytes of ['', '\x16\x03\x01\x02\x00\x01']) {
      const socket = connect(stage.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes, 'latin1')
      socket.resume()
      await once(socket, 'close')
    }
    await expect.poll(() => stage.forwarder.stats().connections, PATIENTLY).toBe(0)
    expect(await (await stage.client(version)).ask({ path: ITEM })).toMatchObject({ text: 'ok' })
  })
})
