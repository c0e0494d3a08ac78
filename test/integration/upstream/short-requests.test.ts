import { createHash, randomBytes } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { beforeAll, describe, expect, test } from 'vitest'
import { defaultUpstreamLimits } from '../../../src/upstream/index.ts'
import { ask, follow, open, recordingLogger, targetAt, until } from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttp, startHttps, startTcp } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

const trusted = (): { certificateAuthority: { kind: 'data'; pem: string } } => ({
  certificateAuthority: { kind: 'data', pem: pki.ca },
})

describe('bytes', () => {
  test('of path, headers and both bodies pass unchanged', async () => {
    const seen: { url: string; raw: string[]; digest: string }[] = []
    const sent = randomBytes(300_000)
    const answered = randomBytes(300_000)
    await using server = await startHttps(identity, async (request, response) => {
      const hash = createHash('sha256')
      for await (const chunk of request) hash.update(chunk)
      seen.push({ url: request.url ?? '', raw: request.rawHeaders, digest: hash.digest('hex') })
      response.writeHead(201, [
        'Content-Type',
        'a/b',
        'Warning',
        'one',
        'Warning',
        'two',
        'X-Odd',
        '\u00e9\u00ff',
      ])
      response.end(answered)
    })
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        basePath: '/k8s/c-1',
        login: { kind: 'token', token: 't0k' },
      }),
    )
    const answer = await ask(upstream, {
      method: 'POST',
      target: '/api/v1/a%2Fb//..;x?q=%zz&w=a+b',
      headers: [
        'Impersonate-User',
        'jo\u00c3\u00a9',
        'Impersonate-Group',
        'a',
        'Impersonate-Group',
        'b',
      ],
      body: Readable.from([sent.subarray(0, 100_000), sent.subarray(100_000)]),
    })
    expect(seen).toEqual([
      {
        url: '/k8s/c-1/api/v1/a%2Fb//..;x?q=%zz&w=a+b',
        raw: [
          ...['host', `127.0.0.1:${server.port}`, 'connection', 'keep-alive'],
          ...[
            'Impersonate-User',
            'jo\u00c3\u00a9',
            'Impersonate-Group',
            'a',
            'Impersonate-Group',
            'b',
          ],
          ...['authorization', 'Bearer t0k', 'transfer-encoding', 'chunked'],
        ],
        digest: createHash('sha256').update(sent).digest('hex'),
      },
    ])
    expect(answer.status).toBe(201)
    expect(answer.headers.slice(0, 8)).toEqual([
      ...['Content-Type', 'a/b', 'Warning', 'one', 'Warning', 'two', 'X-Odd', '\u00e9\u00ff'],
    ])
    expect(answer.body.equals(answered)).toBe(true)
  })

  test('of an upload with a length keep the length', async () => {
    await using server = await startHttps(identity, (request, response) => {
      request.resume().on('end', () => response.end(String(request.headers['content-length'])))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const answer = await ask(upstream, {
      method: 'PUT',
      headers: ['content-length', '6'],
      body: Readable.from([Buffer.from('abc'), Buffer.from('def')]),
    })
    expect(answer.text).toBe('6')
  })

  test('of 1 MiB less a little of headers come back, more is refused', async () => {
    const { maxResponseHeaderBytes } = defaultUpstreamLimits
    let size = maxResponseHeaderBytes - 2000
    await using server = await startHttps(identity, (_request, response) => {
      response.writeHead(200, { 'x-large': 'x'.repeat(size) }).end('ok')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    expect((await ask(upstream)).text).toBe('ok')
    size = maxResponseHeaderBytes
    const failure = await follow(upstream, { method: 'POST' }).failed
    expect(failure.code).toBe('UPSTREAM_RESET')
  })

  test('of 1 MiB less a little of request headers pass', async () => {
    await using server = await startHttps(identity, (request, response) => {
      response.end(String(request.headers['x-large']?.length))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const answer = await ask(upstream, { headers: ['x-large', 'x'.repeat(1_000_000)] })
    expect(answer.text).toBe('1000000')
  })

  test.each(['Authorization', 'host', 'HOST'])(
    'of a caller with %s are a mistake',
    async (name) => {
      await using upstream = open(targetAt(1))
      expect(() => follow(upstream, { headers: [name, 'x'] })).toThrow(TypeError)
    },
  )

  test.each([
    [{ target: '/a b' }],
    [{ headers: ['x', 'a\r\nImpersonate-User: admin'] }],
    [{ headers: ['transfer-encoding', 'chunked'] }],
    [{ headers: ['x y', 'z'] }],
  ])('that are no HTTP never leave: %j', async (request) => {
    await using server = await startHttps(identity, (_request, response) => response.end())
    await using upstream = open(targetAt(server.port, trusted()))
    const failure = await follow(upstream, request).failed
    expect(failure).toMatchObject({ code: 'UPSTREAM_UNREACHABLE' })
    expect(failure.message).toMatch(/^the request cannot be sent: /)
    expect(server.accepted()).toBe(0)
  })
})

describe('back-pressure', () => {
  test('of a reader that stops reaches the API server: 200 MB do not pile up here', async () => {
    const size = 200 * 1024 * 1024
    let written = 0
    await using server = await startHttps(identity, (_request, response) => {
      const chunk = Buffer.alloc(1024 * 1024)
      const write = (): void => {
        while (written < size) {
          written += chunk.length
          if (!response.write(chunk)) {
            response.once('drain', write)
            return
          }
        }
        response.end()
      }
      write()
    })
    await using upstream = open(targetAt(server.port, trusted()))
    let stopped = true
    const exchange = follow(upstream, {}, () => !stopped)
    await exchange.firstData
    let before = -1
    await until(() => {
      const still = before === written
      before = written
      return still
    })
    const heldBack = exchange.received()
    expect(heldBack).toBeLessThan(1024 * 1024)
    expect(written).toBeLessThan(32 * 1024 * 1024)
    stopped = false
    exchange.exchange.resume()
    await exchange.ended
    expect(exchange.received()).toBe(size)
  })

  test('of a slow API server reaches who uploads', async () => {
    let taken = 0
    const go = Promise.withResolvers<void>()
    await using server = await startHttps(identity, async (request, response) => {
      await go.promise
      for await (const chunk of request) taken += (chunk as Buffer).length
      response.end(String(taken))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const size = 64 * 1024 * 1024
    let produced = 0
    const body = new Readable({
      read() {
        produced += 65_536
        this.push(produced > size ? null : Buffer.alloc(65_536))
      },
    })
    const exchange = follow(upstream, { method: 'POST', body })
    await until(() => server.sockets.size === 1)
    let before = -1
    await until(() => {
      const still = before === produced && produced > 0
      before = produced
      return still
    })
    expect(produced).toBeLessThan(32 * 1024 * 1024)
    go.resolve()
    expect((await exchange.ended).text).toBe(String(size))
  })

  test('that is lifted within the same call does not stop the response', async () => {
    await using server = await startHttps(identity, (_request, response) => {
      response.end(Buffer.alloc(5_000_000))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const exchange = follow(upstream, {}, () => {
      exchange.exchange.resume()
      return false
    })
    await exchange.ended
    expect(exchange.received()).toBe(5_000_000)
  })
})

describe('failures', () => {
  test('nobody listens: UPSTREAM_UNREACHABLE', async () => {
    const gone = await startTcp(() => {})
    await gone[Symbol.asyncDispose]()
    await using upstream = open(targetAt(gone.port, trusted()))
    const failure = await follow(upstream).failed
    expect(failure.code).toBe('UPSTREAM_UNREACHABLE')
    expect(failure.message).toBe(
      `cannot reach the API server of cluster west: connect ECONNREFUSED 127.0.0.1:${gone.port}`,
    )
  })

  test('no answer to the TLS handshake in time: UPSTREAM_UNREACHABLE', async () => {
    await using server = await startTcp(() => {})
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { connectTimeoutMs: 200 },
    })
    const failure = await follow(upstream).failed
    expect(failure).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      message: `cannot reach the API server of cluster west: no connection to 127.0.0.1:${server.port} within 0.2 s`,
    })
  })

  test('another CA, another name, no TLS at all: UPSTREAM_TLS', async () => {
    const other = await createPki('other')
    await using server = await startHttps(identity, (_request, response) => response.end())
    await using wrongCa = open(
      targetAt(server.port, { certificateAuthority: { kind: 'data', pem: other.ca } }),
    )
    expect(await follow(wrongCa).failed).toMatchObject({ code: 'UPSTREAM_TLS' })
    await using wrongName = open(
      targetAt(server.port, { ...trusted(), tlsServerName: 'kube.west' }),
    )
    expect((await follow(wrongName).failed).message).toContain(
      "Host: kube.west. is not in the cert's altnames",
    )
    await using systemCa = open(targetAt(server.port))
    expect(await follow(systemCa).failed).toMatchObject({ code: 'UPSTREAM_TLS' })
    await using plain = await startTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await using plainUpstream = open(targetAt(plain.port, trusted()))
    expect(await follow(plainUpstream).failed).toMatchObject({ code: 'UPSTREAM_TLS' })
  })

  test('the API server goes away underway: UPSTREAM_RESET, and a POST is not sent twice', async () => {
    let requests = 0
    await using server = await startHttps(identity, (request, response) => {
      requests += 1
      if (request.method === 'POST') request.socket.destroy()
      else {
        response.writeHead(200, { 'content-length': 100 })
        response.write('some')
        setImmediate(() => request.socket.destroy())
      }
    })
    await using upstream = open(targetAt(server.port, trusted()))
    expect(await follow(upstream, { method: 'POST' }).failed).toMatchObject({
      code: 'UPSTREAM_RESET',
    })
    expect(requests).toBe(1)
    const cut = follow(upstream)
    expect(await cut.head).toBe(200)
    expect(await cut.failed).toMatchObject({ code: 'UPSTREAM_RESET' })
    expect(requests).toBe(2)
  })

  test('a GET whose connection closed before any answer is sent once more, and only once', async () => {
    let requests = 0
    let closeFirst = 1
    await using server = await startHttps(identity, (request, response) => {
      requests += 1
      if (requests <= closeFirst) request.socket.destroy()
      else response.end('here')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    expect((await ask(upstream)).text).toBe('here')
    expect(requests).toBe(2)
    requests = 0
    closeFirst = 5
    expect(await follow(upstream).failed).toMatchObject({ code: 'UPSTREAM_RESET' })
    expect(requests).toBe(2)
  })

  test('no HTTP in the answer: UPSTREAM_RESET', async () => {
    await using server = await startTcp((socket) => socket.end('SSH-2.0-x\r\n'))
    await using upstream = open(targetAt(server.port, { secure: false }))
    expect(await follow(upstream, { method: 'POST' }).failed).toMatchObject({
      code: 'UPSTREAM_RESET',
    })
  })

  test('the upload breaks off: ABORTED, and the API server sees no whole request', async () => {
    let whole = false
    const started = Promise.withResolvers<void>()
    const broke = Promise.withResolvers<void>()
    await using server = await startHttps(identity, (request) => {
      request.once('data', () => started.resolve())
      request.on('end', () => {
        whole = true
      })
      request.on('error', () => broke.resolve())
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const body = new PassThrough()
    body.write('half')
    const exchange = follow(upstream, { method: 'POST', body })
    await started.promise
    body.destroy(new Error('client left'))
    expect(await exchange.failed).toMatchObject({ code: 'ABORTED' })
    await broke.promise
    expect(whole).toBe(false)
  })

  test('the upload broke off before it began: ABORTED', async () => {
    await using server = await startHttps(identity, (_request, response) => response.end())
    await using upstream = open(targetAt(server.port, trusted()))
    const body = new PassThrough()
    body.destroy()
    expect(await follow(upstream, { method: 'POST', body }).failed).toMatchObject({
      code: 'ABORTED',
    })
  })

  test('an upstream that was disposed: UPSTREAM_UNREACHABLE', async () => {
    const upstream = open(targetAt(1))
    await upstream[Symbol.asyncDispose]()
    expect(await follow(upstream).failed).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      message: 'cluster west is no longer served',
    })
    await expect(upstream.dialForUpgrade(new AbortController().signal)).rejects.toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
    })
  })
})

describe('abort', () => {
  test('cancels at the API server, before and after the head', async () => {
    const closed: string[] = []
    await using server = await startHttps(identity, (request, response) => {
      if (request.url === '/late') response.write('x')
      response.on('close', () => closed.push(request.url ?? ''))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const silent = follow(upstream, { target: '/silent' })
    await until(() => server.sockets.size === 1)
    const late = follow(upstream, { target: '/late' })
    await late.firstData
    late.exchange.abort()
    late.exchange.abort()
    silent.exchange.abort()
    expect(await late.failed).toMatchObject({ code: 'ABORTED' })
    expect(await silent.failed).toMatchObject({ code: 'ABORTED' })
    await until(() => server.sockets.size === 0)
    expect(closed).toContain('/late')
  })

  test('of one request leaves others alone, and after the end does nothing', async () => {
    await using server = await startHttps(identity, (request, response) => {
      if (request.url !== '/hang') response.end('fine')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const hanging = follow(upstream, { target: '/hang' })
    const fine = follow(upstream)
    hanging.exchange.abort()
    expect((await fine.ended).text).toBe('fine')
    fine.exchange.abort()
    fine.exchange.resume()
    expect(await hanging.failed).toMatchObject({ code: 'ABORTED' })
  })

  test('is told to the sink only after send has returned', async () => {
    await using upstream = open(targetAt(1, { secure: false }))
    let sent = false
    const told = new Promise<boolean>((resolve) => {
      upstream.send(
        {
          method: 'GET',
          target: 'no slash',
          headers: [],
          body: null,
          longRunning: false,
          user: 'joe',
        },
        { head: () => {}, data: () => true, end: () => {}, error: () => resolve(sent) },
      )
    })
    sent = true
    expect(await told).toBe(true)
  })
})

describe('an early answer', () => {
  test('arrives, and the body that was not taken is left alone', async () => {
    await using server = await startHttps(identity, (_request, response) => {
      response.writeHead(403, { connection: 'close' }).end('no')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const body = new PassThrough()
    body.write('first')
    const answer = await ask(upstream, { method: 'POST', body })
    expect(answer).toMatchObject({ status: 403, text: 'no' })
    expect(body.destroyed).toBe(false)
    body.destroy()
  })
})

describe('connections', () => {
  test('are kept and used again, also after a DELETE with a body, and closed by us when idle', async () => {
    await using server = await startHttps(identity, (request, response) => {
      request.resume().on('end', () => response.end('ok'))
    })
    await using upstream = open(targetAt(server.port, trusted()), { limits: { keepAliveMs: 300 } })
    for (let round = 0; round < 3; round += 1) {
      await ask(upstream)
      await ask(upstream, { method: 'DELETE', body: Readable.from([Buffer.from('{}')]) })
      await ask(upstream, { method: 'POST', body: Readable.from([Buffer.from('{}')]) })
    }
    // undici rests a connection for one turn of the event loop, so that two take turns here.
    expect(server.accepted()).toBeLessThanOrEqual(2)
    await until(() => server.sockets.size === 0)
  })

  test('are as many as requests at once, and then the one that was used last is used', async () => {
    const held: (() => void)[] = []
    const used: unknown[] = []
    await using server = await startHttps(identity, (request, response) => {
      used.push(request.socket)
      if (request.url === '/held') held.push(() => response.end('ok'))
      else response.end('ok')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const together = Array.from({ length: 5 }, () => ask(upstream, { target: '/held' }))
    await until(() => held.length === 5)
    for (const release of held) release()
    await Promise.all(together)
    used.length = 0
    for (let round = 0; round < 10; round += 1) await ask(upstream)
    expect(server.accepted()).toBe(5)
    expect(new Set(used).size).toBe(1)
  })

  test('that the API server closed are never used again', async () => {
    await using server = await startHttps(identity, (request, response) => {
      if (request.url === '/last') response.setHeader('connection', 'close')
      response.end('ok')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    for (let round = 0; round < 3; round += 1) {
      const answers = Array.from({ length: 4 }, () => ask(upstream, { target: '/last' }))
      for (const answer of await Promise.all(answers)) expect(answer.text).toBe('ok')
      // At once, before anybody has seen the end of the connection.
      expect((await ask(upstream)).text).toBe('ok')
      for (const socket of server.sockets) socket.destroy()
      expect((await ask(upstream)).text).toBe('ok')
    }
  })

  test("are closed long before the API server's 90 s and the balancers' 20 s", () => {
    expect(defaultUpstreamLimits.keepAliveMs).toBeLessThan(20_000)
  })

  test('probe a silent peer', async () => {
    const { readFile } = await import('node:fs/promises')
    await using server = await startHttps(identity, () => {})
    await using upstream = open(targetAt(server.port, trusted()))
    const silent = follow(upstream)
    await until(() => server.sockets.size === 1)
    const [peer] = server.sockets
    const port = (peer?.remotePort ?? 0).toString(16).toUpperCase().padStart(4, '0')
    const keepAliveTimer = ' 02:'
    let line = ''
    for (let attempt = 0; attempt < 200 && !line.includes(keepAliveTimer); attempt += 1) {
      const table = await readFile('/proc/net/tcp', 'utf8')
      line = table.split('\n').find((each) => each.includes(`0100007F:${port} 0100007F`)) ?? ''
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const ticks = Number.parseInt(line.split(keepAliveTimer)[1]?.split(' ')[0] ?? '', 16)
    expect(ticks).toBeGreaterThan(0)
    expect(ticks).toBeLessThanOrEqual(defaultUpstreamLimits.tcpKeepAliveMs / 10)
    silent.exchange.abort()
    await silent.failed
  })

  test('of one user, with bodies that never come, do not keep another waiting', async () => {
    await using server = await startHttps(identity, (_request, response) => response.end('done'))
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { maxActiveRequests: 4, maxOpenRequests: 16 },
    })
    const stuck = Array.from({ length: 20 }, () =>
      follow(upstream, { method: 'POST', body: new Readable({ read() {} }), user: 'joe' }),
    )
    expect((await ask(upstream, { user: 'ann' })).text).toBe('done')
    for (const { exchange } of stuck) exchange.abort()
    await Promise.all(stuck.map(({ failed }) => failed))
  })

  test('are bounded, the rest waits its turn, and a stalled reader gives its turn away', async () => {
    const waiting: (() => void)[] = []
    await using server = await startHttps(identity, (request, response) => {
      if (request.url === '/large') response.end(Buffer.alloc(50_000_000))
      else waiting.push(() => response.end('done'))
    })
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { maxActiveRequests: 2, maxOpenRequests: 3, maxQueuedRequests: 2, userShare: 1 },
    })
    const first = follow(upstream)
    const second = follow(upstream)
    const third = follow(upstream)
    const fourth = follow(upstream)
    const tooMany = follow(upstream)
    expect(await tooMany.failed).toMatchObject({
      code: 'UPSTREAM_BUSY',
      message: 'too many requests wait for the API server of cluster west',
    })
    await until(() => waiting.length === 2)
    expect(server.accepted()).toBe(2)
    fourth.exchange.abort()
    waiting.shift()?.()
    await first.ended
    await until(() => waiting.length === 2)
    for (const finish of waiting.splice(0)) finish()
    await Promise.all([second.ended, third.ended])

    const stalled = follow(upstream, { target: '/large' }, () => false)
    await stalled.firstData
    const others = [follow(upstream), follow(upstream)]
    await until(() => waiting.length === 2)
    for (const finish of waiting.splice(0)) finish()
    await Promise.all(others.map(({ ended }) => ended))
    stalled.exchange.abort()
    await stalled.failed
  })

  test('of watches without HTTP/2 do not starve short requests', async () => {
    await using server = await startHttps(identity, (request, response) => {
      if (request.url === '/watch') response.write('event')
      else response.end('short')
    })
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { maxActiveRequests: 1 },
    })
    const watches = Array.from({ length: 20 }, () =>
      follow(upstream, { target: '/watch', longRunning: true }),
    )
    await Promise.all(watches.map(({ firstData }) => firstData))
    expect((await ask(upstream)).text).toBe('short')
    for (const { exchange } of watches) exchange.abort()
    await Promise.all(watches.map(({ failed }) => failed))
  })
})

describe('without a checked certificate', () => {
  test('an insecure context works and is warned of', async () => {
    const log = recordingLogger()
    await using server = await startHttps(identity, (_request, response) => response.end('ok'))
    await using upstream = open(targetAt(server.port, { insecureSkipTlsVerify: true }), { log })
    expect((await ask(upstream)).text).toBe('ok')
    expect(log.lines.map(({ message }) => message)).toEqual([
      "the API server's certificate is not checked: insecure-skip-tls-verify is set",
    ])
  })

  test('plain http works and is warned of, watches included', async () => {
    const log = recordingLogger()
    await using server = await startHttp((_request, response) => response.end('ok'))
    await using upstream = open(targetAt(server.port, { secure: false }), { log })
    expect((await ask(upstream)).text).toBe('ok')
    expect((await ask(upstream, { longRunning: true })).text).toBe('ok')
    expect(log.lines.map(({ message }) => message)).toEqual([
      'the API server is reached without TLS',
    ])
  })
})

test('tls-server-name is sent as SNI and checked', async () => {
  const named = await pki.server('kube.west.internal')
  let servername = ''
  await using server = await startHttps(named, (request, response) => {
    servername = String((request.socket as { servername?: unknown }).servername)
    response.end('ok')
  })
  await using upstream = open(
    targetAt(server.port, { ...trusted(), tlsServerName: 'kube.west.internal' }),
  )
  expect((await ask(upstream)).text).toBe('ok')
  expect(servername).toBe('kube.west.internal')
})

test('a silent response is not timed out, a silent request neither', async () => {
  // The switches themselves: real silence of minutes belongs to the end-to-end suite.
  await using server = await startHttps(identity, (_request, response) => {
    setTimeout(() => response.write('a'), 1500)
    setTimeout(() => response.end('b'), 3000)
  })
  await using upstream = open(targetAt(server.port, trusted()), {
    limits: { connectTimeoutMs: 500 },
  })
  expect((await ask(upstream)).text).toBe('ab')
})
