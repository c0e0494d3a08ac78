import { constants, type ServerHttp2Stream } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { beforeAll, describe, expect, test } from 'vitest'
import { defaultUpstreamLimits } from '../../../src/upstream/index.ts'
import {
  ask,
  type Followed,
  follow,
  manualClock,
  open,
  recordingLogger,
  targetAt,
  until,
} from './support/client.ts'
import { createPki, type KeyedCertificate, type Pki } from './support/pki.ts'
import { startHttp2, startHttps, startTcp, startTls, type TestServer } from './support/servers.ts'

let pki: Pki
let identity: KeyedCertificate

beforeAll(async () => {
  pki = await createPki()
  identity = await pki.server()
})

const trusted = (): { certificateAuthority: { kind: 'data'; pem: string } } => ({
  certificateAuthority: { kind: 'data', pem: pki.ca },
})

const watch = { target: '/watch', longRunning: true }

function startEvent(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200 })
  stream.write('event')
}

/** Aborts, and waits for the streams to close: they count as open for one more turn of the event loop. */
async function abortAll(watches: readonly Followed[]): Promise<void> {
  for (const { exchange } of watches) exchange.abort()
  await Promise.all(watches.map(({ failed }) => failed))
  await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('watches', () => {
  test('share one connection: a hundred at once', async () => {
    await using server = await startHttp2(
      { ...identity, settings: { maxConcurrentStreams: 100 } },
      startEvent,
    )
    await using upstream = open(targetAt(server.port, trusted()))
    const watches = Array.from({ length: 100 }, () => follow(upstream, watch))
    await Promise.all(watches.map(({ firstData }) => firstData))
    expect(server.opened()).toBe(1)
    expect(server.accepted()).toBe(1)
    await abortAll(watches)
  })

  test('open another connection when the server takes no more streams', async () => {
    await using server = await startHttp2(
      { ...identity, settings: { maxConcurrentStreams: 10 } },
      startEvent,
    )
    await using upstream = open(targetAt(server.port, trusted()))
    const watches = Array.from({ length: 25 }, () => follow(upstream, watch))
    await Promise.all(watches.map(({ firstData }) => firstData))
    expect(server.opened()).toBe(3)
    await abortAll(watches)
    const again = Array.from({ length: 25 }, () => follow(upstream, watch))
    await Promise.all(again.map(({ firstData }) => firstData))
    expect(server.opened()).toBe(3)
    await abortAll(again)
  })

  test('open another connection when our own limit is reached', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { maxStreamsPerSession: 4 },
    })
    const watches = Array.from({ length: 9 }, () => follow(upstream, watch))
    await Promise.all(watches.map(({ firstData }) => firstData))
    expect(server.opened()).toBe(3)
    await abortAll(watches)
  })

  test('pass path, headers and bytes unchanged', async () => {
    const seen: string[][] = []
    await using server = await startHttp2(identity, (stream, _headers, raw) => {
      seen.push(raw)
      stream.respond([
        ':status',
        '200',
        'content-type',
        'a/b',
        'warning',
        'one',
        'warning',
        'two',
        'x-odd',
        '\u00e9',
      ])
      stream.end(Buffer.from([0, 255, 10]))
    })
    await using upstream = open(
      targetAt(server.port, {
        ...trusted(),
        basePath: '/k8s/c',
        login: { kind: 'token', token: 't' },
      }),
    )
    const answer = await ask(upstream, {
      target: '/api/v1/pods?watch=1&labelSelector=a%2Cb',
      headers: [
        'Impersonate-User',
        'jo\u00c3\u00a9',
        'Impersonate-Group',
        'a',
        'Impersonate-Group',
        'b',
      ],
      longRunning: true,
    })
    expect(seen).toEqual([
      [
        ...[':method', 'GET', ':scheme', 'https', ':authority', `127.0.0.1:${server.port}`],
        ...[':path', '/k8s/c/api/v1/pods?watch=1&labelSelector=a%2Cb'],
        ...[
          'impersonate-user',
          'jo\u00c3\u00a9',
          'impersonate-group',
          'a',
          'impersonate-group',
          'b',
        ],
        ...['authorization', 'Bearer t'],
      ],
    ])
    expect(answer.body).toEqual(Buffer.from([0, 255, 10]))
    expect(answer.headers.slice(0, 8)).toEqual([
      ...['content-type', 'a/b', 'warning', 'one', 'warning', 'two', 'x-odd', '\u00e9'],
    ])
  })

  test('may have large headers in both directions', async () => {
    const groups = Array.from({ length: 200 }, (_, index) => [
      'impersonate-group',
      `group-${index}`,
    ]).flat()
    // Node's server takes at most 64 KiB in one field and nine frames of headers; Go's a megabyte.
    const large = Array.from({ length: 2 }, (_, index) => [
      `x-large-${index}`,
      'x'.repeat(60_000),
    ]).flat()
    const many = Array.from({ length: 1500 }, (_, index) => [`x-${index}`, 'y']).flat()
    const settings = { maxHeaderListSize: 2 * 1024 * 1024 }
    await using server = await startHttp2(
      { ...identity, settings, maxSendHeaderBlockLength: 1024 * 1024 },
      (stream, headers, raw) => {
        stream.respond([':status', '200', 'x-seen', String(raw.length), ...many])
        stream.end(String(headers['x-large-1']).length.toString())
      },
    )
    await using upstream = open(targetAt(server.port, trusted()))
    const answer = await ask(upstream, {
      headers: [...large, ...groups],
      longRunning: true,
    })
    expect(answer.text).toBe('60000')
    expect(answer.headers.slice(0, 2)).toEqual(['x-seen', String(8 + 4 + 400)])
    expect(answer.headers.length).toBeGreaterThan(3000)
  })

  test('that HTTP/2 cannot express go over HTTP/1.1', async () => {
    await using server = await startHttp2({ ...identity, allowHTTP1: true }, () => {})
    // Duplicates of this field are refused by Node's HTTP/2, not by Kubernetes.
    await using upstream = open(targetAt(server.port, trusted()))
    const exchange = follow(upstream, { ...watch, headers: ['user-agent', 'a', 'user-agent', 'b'] })
    await until(() => server.accepted() === 2)
    await abortAll([exchange])
  })

  test('cancel their stream when aborted, even when the reader has stopped', async () => {
    const codes: number[] = []
    await using server = await startHttp2(identity, (stream) => {
      stream.respond({ ':status': 200 })
      stream.write(Buffer.alloc(100_000))
      stream.on('close', () => codes.push(stream.rstCode))
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const reading = follow(upstream, watch)
    const stalled = follow(upstream, watch, () => false)
    await Promise.all([reading.firstData, stalled.firstData])
    await abortAll([reading, stalled])
    await until(() => codes.length === 2)
    expect(codes).toEqual([constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL])
    expect(server.opened()).toBe(1)
  })

  test('that are aborted before the connection exists never reach the server', async () => {
    let streams = 0
    await using server = await startHttp2(identity, (stream) => {
      streams += 1
      startEvent(stream)
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const gone = follow(upstream, watch)
    const kept = follow(upstream, watch)
    await abortAll([gone])
    await kept.firstData
    expect(streams).toBe(1)
    await abortAll([kept])
  })

  test('with a body take a connection of their own', async () => {
    await using server = await startHttp2({ ...identity, allowHTTP1: true }, () => {})
    const { Readable } = await import('node:stream')
    await using upstream = open(targetAt(server.port, trusted()))
    const exchange = follow(upstream, {
      ...watch,
      method: 'POST',
      body: Readable.from([Buffer.from('x')]),
    })
    await until(() => server.accepted() === 1)
    expect(server.opened()).toBe(0)
    await abortAll([exchange])
  })
})

describe('back-pressure', () => {
  test('of one stalled watch is bounded by its window and does not stop the others', async () => {
    let written = 0
    await using server = await startHttp2(identity, (stream, headers) => {
      stream.respond({ ':status': 200 })
      if (headers[':path'] === '/fast') {
        stream.end(Buffer.alloc(20_000_000))
        return
      }
      const chunk = Buffer.alloc(65_536)
      const write = (): void => {
        while (written < 200_000_000) {
          written += chunk.length
          if (!stream.write(chunk)) {
            stream.once('drain', write)
            return
          }
        }
        stream.end()
      }
      write()
    })
    await using upstream = open(targetAt(server.port, trusted()))
    let stopped = true
    const stalled = follow(upstream, watch, () => !stopped)
    await stalled.firstData
    const fast = follow(upstream, { target: '/fast', longRunning: true })
    await fast.ended
    expect(fast.received()).toBe(20_000_000)
    expect(written).toBeLessThan(2 * 1024 * 1024)
    expect(stalled.received()).toBeLessThanOrEqual(defaultUpstreamLimits.streamWindowBytes)
    stopped = false
    stalled.exchange.resume()
    await stalled.ended
    expect(stalled.received()).toBe(written)
    expect(server.opened()).toBe(1)
  })

  test('of a hundred stalled watches does not use up the session memory', async () => {
    await using server = await startHttp2(identity, (stream, headers) => {
      stream.respond({ ':status': 200 })
      if (headers[':path'] === '/other') stream.end('alive')
      else stream.write(Buffer.alloc(2_000_000))
    })
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { maxStreamsPerSession: 101 },
    })
    const stalled = Array.from({ length: 100 }, () => follow(upstream, watch, () => false))
    await Promise.all(stalled.map(({ firstData }) => firstData))
    expect((await ask(upstream, { target: '/other', longRunning: true })).text).toBe('alive')
    expect(server.opened()).toBe(1)
    await abortAll(stalled)
  })

  test('windows and frame size are those of the limits', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using upstream = open(targetAt(server.port, trusted()))
    const one = follow(upstream, watch)
    await one.firstData
    const [session] = server.sessions
    expect(session?.remoteSettings).toMatchObject({
      enablePush: false,
      initialWindowSize: defaultUpstreamLimits.streamWindowBytes,
      maxFrameSize: defaultUpstreamLimits.maxFrameBytes,
      maxHeaderListSize: defaultUpstreamLimits.maxHeaderListBytes,
    })
    await until(() => (session?.state.remoteWindowSize ?? 0) > 1_000_000)
    expect(session?.state.remoteWindowSize).toBeGreaterThan(
      defaultUpstreamLimits.sessionWindowBytes - 100_000,
    )
    await abortAll([one])
  })
})

/** A TCP relay that can be frozen: bytes stop, the connections stay. */
async function startRelay(toPort: number): Promise<TestServer & { freeze(): void; thaw(): void }> {
  let frozen = false
  const peers = new Set<Socket>()
  const server = await startTcp((socket) => {
    const peer = connectTcp(toPort, '127.0.0.1')
    peers.add(peer)
    peer.on('error', () => {})
    peer.on('close', () => socket.destroy())
    socket.on('close', () => peer.destroy())
    socket.on('data', (chunk) => {
      if (!frozen) peer.write(chunk)
    })
    peer.on('data', (chunk) => {
      if (!frozen) socket.write(chunk)
    })
  })
  return {
    ...server,
    freeze() {
      frozen = true
    },
    thaw() {
      frozen = false
    },
  }
}

describe('heads with many headers', () => {
  const many = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'y']))

  test('pass up to the limit, which is far beyond Node’s 128', async () => {
    await using server = await startHttp2(identity, (stream) => {
      stream.respond({ ':status': 200, ...many(1000) })
      stream.end('ok')
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const { headers, text } = await follow(upstream, watch).ended
    expect(text).toBe('ok')
    expect(headers.filter((name) => name.startsWith('x-'))).toHaveLength(1000)
  })

  test('beyond it break the watch', async () => {
    await using server = await startHttp2(identity, (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, ...many(200) })
      stream.end('ok')
    })
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { maxHeaderListPairs: 100 },
    })
    expect(await follow(upstream, watch).failed).toMatchObject({ code: 'UPSTREAM_RESET' })
  })
})

describe('a dead peer', () => {
  const limits = { pingIntervalMs: 100, pingTimeoutMs: 200 }

  test('is found by PING, and its watches end', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using relay = await startRelay(server.port)
    await using upstream = open(targetAt(relay.port, trusted()), { limits })
    const watches = Array.from({ length: 5 }, () => follow(upstream, watch))
    await Promise.all(watches.map(({ firstData }) => firstData))
    relay.freeze()
    const failures = await Promise.all(watches.map(({ failed }) => failed))
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: 'UPSTREAM_RESET',
        message:
          'the connection to the API server of cluster west broke: no sign of life for 0.2 s after an HTTP/2 PING',
      })
    }
    relay.thaw()
    const again = follow(upstream, watch)
    await again.firstData
    await abortAll([again])
  })

  test('that had not answered a new watch yet is replaced without the watch noticing', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using relay = await startRelay(server.port)
    await using upstream = open(targetAt(relay.port, trusted()), { limits })
    const first = follow(upstream, watch)
    await first.firstData
    relay.freeze()
    const second = follow(upstream, watch)
    await first.failed
    relay.thaw()
    await second.firstData
    expect(server.opened()).toBe(2)
    await abortAll([second])
  })

  test('is not mistaken for one that is silent but alive', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using upstream = open(targetAt(server.port, trusted()), { limits })
    const silent = follow(upstream, watch)
    await silent.firstData
    await new Promise((resolve) => setTimeout(resolve, 1000))
    expect(server.opened()).toBe(1)
    await abortAll([silent])
  })

  test('is asked within ten seconds', () => {
    expect(defaultUpstreamLimits.pingIntervalMs).toBeLessThanOrEqual(10_000)
    expect(defaultUpstreamLimits.pingTimeoutMs).toBeLessThanOrEqual(10_000)
  })
})

// RFC 9113 section 6 and RFC 7541 appendix A, as much as one answer on stream 1 needs.
const frameTypes = { data: 0, headers: 1, rstStream: 3, settings: 4 } as const
const endHeaders = 4
const hpackStatus200 = 0x88

function frame(type: number, flags: number, payload: Buffer, stream = 1): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload])
}

/** Node's own server ends a stream before it resets it; API servers written in Go do not. */
async function startRawHttp2(answer: (socket: TLSSocket) => void): Promise<TestServer> {
  return startTls({ ...identity, ALPNProtocols: ['h2'] }, (socket) => {
    socket.write(frame(frameTypes.settings, 0, Buffer.alloc(0), 0))
    let bytes = Buffer.alloc(0)
    let offset = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= offset + 9) {
        if (bytes[offset + 3] === frameTypes.headers) answer(socket)
        offset += 9 + bytes.readUIntBE(offset, 3)
      }
    })
  })
}

describe('a server that shuts down', () => {
  test('with GOAWAY keeps its streams, and new ones go elsewhere', async () => {
    const streams: ServerHttp2Stream[] = []
    await using server = await startHttp2(identity, (stream) => {
      streams.push(stream)
      startEvent(stream)
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const old = follow(upstream, watch)
    await old.firstData
    const [session] = server.sessions
    session?.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1)
    let fresh = follow(upstream, watch)
    await fresh.firstData
    while (server.opened() === 1) {
      await abortAll([fresh])
      fresh = follow(upstream, watch)
      await fresh.firstData
    }
    streams[0]?.end('last')
    expect((await old.ended).text).toBe('eventlast')
    await until(() => server.sessions.size === 1)
    await abortAll([fresh])
  })

  test('and refuses a stream gets it sent again on another connection', async () => {
    let streams = 0
    await using server = await startHttp2(identity, (stream) => {
      streams += 1
      if (streams <= 2) stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else startEvent(stream)
    })
    await using upstream = open(targetAt(server.port, trusted()))
    const exchange = follow(upstream, watch)
    await exchange.firstData
    expect(streams).toBe(3)
    await abortAll([exchange])
  })

  test('and refuses for ever is UPSTREAM_RESET', async () => {
    let streams = 0
    await using server = await startHttp2(identity, (stream) => {
      streams += 1
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
    })
    await using upstream = open(targetAt(server.port, trusted()))
    expect(await follow(upstream, watch).failed).toMatchObject({ code: 'UPSTREAM_RESET' })
    expect(streams).toBe(3)
  })

  test.each([
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['CANCEL', constants.NGHTTP2_CANCEL],
  ])(
    'and cuts a stream underway with %s is UPSTREAM_RESET, never a clean end',
    async (_name, code) => {
      await using server = await startRawHttp2((socket) => {
        socket.write(frame(frameTypes.headers, endHeaders, Buffer.from([hpackStatus200])))
        socket.write(frame(frameTypes.data, 0, Buffer.from('event')))
        socket.write(frame(frameTypes.rstStream, 0, Buffer.from([0, 0, 0, code])))
      })
      await using upstream = open(targetAt(server.port, trusted()))
      const cut = follow(upstream, watch)
      expect(await cut.failed).toMatchObject({ code: 'UPSTREAM_RESET' })
      expect(cut.received()).toBe(5)
    },
  )

  test('and drops the connection is UPSTREAM_RESET for every stream', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using upstream = open(targetAt(server.port, trusted()))
    const watches = [follow(upstream, watch), follow(upstream, watch)]
    await Promise.all(watches.map(({ firstData }) => firstData))
    for (const socket of server.sockets) socket.destroy()
    for (const { failed } of watches) expect(await failed).toMatchObject({ code: 'UPSTREAM_RESET' })
  })

  test('and never sends SETTINGS is given up in time', async () => {
    await using server = await startTls({ ...identity, ALPNProtocols: ['h2'] }, () => {})
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { connectTimeoutMs: 300 },
    })
    const failure = await follow(upstream, watch).failed
    expect(failure.message).toContain('no HTTP/2 SETTINGS within 0.3 s')
  })
})

describe('connections', () => {
  test('without streams are closed after a while', async () => {
    await using server = await startHttp2(identity, startEvent)
    await using upstream = open(targetAt(server.port, trusted()), {
      limits: { sessionIdleMs: 100 },
    })
    const one = follow(upstream, watch)
    await one.firstData
    await abortAll([one])
    await until(() => server.sockets.size === 0)
    expect(defaultUpstreamLimits.sessionIdleMs).toBeLessThan(90_000)
  })

  test('that 2,000 watches were aborted on are still used: resets do not add up', async () => {
    await using server = await startHttp2(
      { ...identity, streamResetBurst: 1_000_000, streamResetRate: 1_000_000 },
      startEvent,
    )
    await using upstream = open(targetAt(server.port, trusted()))
    for (let round = 0; round < 20; round += 1) {
      const watches = Array.from({ length: 100 }, () => follow(upstream, watch))
      await Promise.all(watches.map(({ firstData }) => firstData))
      await abortAll(watches)
    }
    expect(server.opened()).toBe(1)
  })

  test('of a server without HTTP/2 are one for each watch, and it is not asked again for a while', async () => {
    const log = recordingLogger()
    const clock = manualClock()
    let requests = 0
    await using server = await startHttps(identity, (_request, response) => {
      requests += 1
      response.write('event')
    })
    await using upstream = open(targetAt(server.port, trusted()), { log, clock })
    const watches = Array.from({ length: 5 }, () => follow(upstream, watch))
    await Promise.all(watches.map(({ firstData }) => firstData))
    expect(requests).toBe(5)
    expect(server.accepted()).toBe(6)
    expect(log.lines.map(({ message }) => message)).toEqual([
      'the API server offers no HTTP/2: each watch gets a connection of its own',
    ])
    const sixth = follow(upstream, watch)
    await sixth.firstData
    expect(server.accepted()).toBe(7)
    clock.advance(defaultUpstreamLimits.http2RecheckMs)
    const seventh = follow(upstream, watch)
    await seventh.firstData
    expect(server.accepted()).toBe(9)
    await abortAll([...watches, sixth, seventh])
  })

  test('that cannot be made are UPSTREAM_UNREACHABLE or UPSTREAM_TLS for all who wait', async () => {
    const other = await createPki('other')
    await using server = await startHttp2(identity, startEvent)
    await using upstream = open(
      targetAt(server.port, { certificateAuthority: { kind: 'data', pem: other.ca } }),
    )
    const failures = await Promise.all([
      follow(upstream, watch).failed,
      follow(upstream, watch).failed,
    ])
    expect(failures.map(({ code }) => code)).toEqual(['UPSTREAM_TLS', 'UPSTREAM_TLS'])
    expect(server.accepted()).toBe(1)
  })
})
