import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from './encode.ts'
import type { Frame } from './frame.ts'
import { HeaderEncoder } from './headers.ts'
import { defaultSpdyLimits } from './limits.ts'
import { type SessionEvent, SpdySession } from './session.ts'

/** Delivers what one end wants sent, until both are silent. */
function deliver(bytes: Buffer, to: SpdySession, from: SpdySession): SessionEvent[] {
  const events = to.receive(bytes)
  for (const event of events) if (event.kind === 'send') deliver(event.bytes, from, to)
  return events.filter(({ kind }) => kind !== 'send')
}

const pair = (): { client: SpdySession; server: SpdySession } => ({
  client: new SpdySession('client'),
  server: new SpdySession('server'),
})

const frame = (value: Frame): Buffer => encodeFrame(value, new HeaderEncoder())

describe('a SPDY session', () => {
  it('opens, accepts, carries data both ways and ends in halves', () => {
    const { client, server } = pair()
    const { streamId, bytes } = client.open([['streamtype', 'stdin']])
    expect(streamId).toBe(1)
    expect(deliver(bytes, server, client)).toEqual([
      { kind: 'stream', streamId, headers: [['streamtype', 'stdin']], fin: false },
    ])
    expect(deliver(server.accept(streamId), client, server)).toEqual([
      { kind: 'accepted', streamId },
    ])
    const words = Buffer.from('words')
    expect(deliver(client.data(streamId, words, true), server, client)).toEqual([
      { kind: 'data', streamId, data: words },
      { kind: 'end', streamId },
    ])
    expect(client.data(streamId, words)).toHaveLength(0)
    expect(deliver(server.data(streamId, words), client, server)).toEqual([
      { kind: 'data', streamId, data: words },
    ])
    expect(deliver(server.data(streamId, Buffer.alloc(0), true), client, server)).toEqual([
      { kind: 'end', streamId },
    ])
    expect([client.streams, server.streams]).toEqual([0, 0])
  })

  it('gives clients odd numbers and servers even ones', () => {
    const { client, server } = pair()
    expect([client.open([]).streamId, client.open([]).streamId]).toEqual([1, 3])
    expect([server.open([]).streamId, server.open([]).streamId]).toEqual([2, 4])
  })

  it('cuts what is larger than a frame, and the bytes stay the same', () => {
    const limits = { ...defaultSpdyLimits, maxDataBytes: 16 }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (data, fin) => {
        const client = new SpdySession('client', limits)
        const server = new SpdySession('server', limits)
        const { streamId, bytes } = client.open([])
        deliver(bytes, server, client)
        const events = deliver(client.data(streamId, Buffer.from(data), fin), server, client)
        const arrived = events.flatMap((event) => (event.kind === 'data' ? [event.data] : []))
        expect(Buffer.concat(arrived)).toEqual(Buffer.from(data))
        expect(events.some(({ kind }) => kind === 'end')).toBe(fin)
      }),
    )
  })

  it('sends a ping back, and keeps its own to itself', () => {
    const { client, server } = pair()
    expect(server.receive(client.ping(1))).toEqual([{ kind: 'send', bytes: client.ping(1) }])
    expect(client.receive(frame({ type: 'ping', id: 1 }))).toEqual([])
  })

  it.each([
    ['an even number from a client', 2],
    ['a number that was used', 1],
  ])('ends when the peer opens %s', (_what, streamId) => {
    const { client, server } = pair()
    deliver(client.open([]).bytes, server, client)
    const again = frame({
      type: 'synStream',
      streamId,
      associatedStreamId: 0,
      priority: 0,
      fin: false,
      unidirectional: false,
      headers: [],
    })
    // Headers of a second zlib stream would not be understood: the first session has had its head.
    const fresh = new SpdySession('server')
    if (streamId === 1) fresh.receive(again)
    expect(() => fresh.receive(streamId === 1 ? frameWithoutHead(again) : again)).toThrow(
      expect.objectContaining({ code: 'SPDY_STREAM_REFUSED' }),
    )
  })

  it('refuses one stream more than it takes, and goes on', () => {
    const client = new SpdySession('client')
    const server = new SpdySession('server', { ...defaultSpdyLimits, maxStreams: 1 })
    deliver(client.open([]).bytes, server, client)
    const second = client.open([])
    const events = server.receive(second.bytes)
    expect(events.map(({ kind }) => kind)).toEqual(['send'])
    const [answer] = events
    expect(answer?.kind === 'send' && client.receive(answer.bytes)).toEqual([
      { kind: 'reset', streamId: second.streamId, status: 'refusedStream' },
    ])
  })

  it('reads the headers of all streams that a port-forward opens at once, and of as many again', () => {
    const limits = { ...defaultSpdyLimits, maxStreams: 2064 }
    const client = new SpdySession('client', limits)
    const server = new SpdySession('server', limits)
    for (let round = 0; round < 3; round += 1) {
      const opened = Array.from({ length: 2000 }, (_stream, index) =>
        client.open([
          ['streamtype', 'data'],
          ['port', '8080'],
          ['requestid', `${round}-${index}`],
        ]),
      )
      const events = server.receive(Buffer.concat(opened.map(({ bytes }) => bytes)))
      expect(events.filter(({ kind }) => kind === 'stream')).toHaveLength(2000)
      const answers = Buffer.concat(opened.map(({ streamId }) => server.accept(streamId)))
      expect(client.receive(answers).filter(({ kind }) => kind === 'accepted')).toHaveLength(2000)
      for (const { streamId } of opened) {
        server.receive(client.reset(streamId, 'cancel'))
      }
    }
  })

  it('ends when a peer sends headers that nobody asked for, again and again', () => {
    const { client, server } = pair()
    const { streamId, bytes } = client.open([['streamtype', 'stdin']])
    deliver(bytes, server, client)
    const headers = new HeaderEncoder()
    // Part of the same stream of headers.
    headers.encode([])
    const more = (): Buffer =>
      encodeFrame(
        { type: 'headers', streamId, fin: false, headers: [['x', 'x'.repeat(1000)]] },
        headers,
      )
    expect(server.receive(more())).toEqual([])
    expect(() => server.receive(Buffer.concat(Array.from({ length: 40 }, more)))).toThrow(
      expect.objectContaining({ code: 'SPDY_HEADERS_TOO_LARGE' }),
    )
  })

  it('ends a stream once, however often its peer says so', () => {
    const { client, server } = pair()
    const { streamId, bytes } = client.open([['streamtype', 'stdin']])
    deliver(bytes, server, client)
    const headers = new HeaderEncoder()
    // Part of the same stream of headers.
    headers.encode([])
    const end = (): Buffer =>
      encodeFrame({ type: 'headers', streamId, fin: true, headers: [] }, headers)
    expect(server.receive(end())).toEqual([{ kind: 'end', streamId }])
    expect(server.receive(Buffer.concat([end(), end()]))).toEqual([])
  })

  it('takes no new streams after it said so', () => {
    const { client, server } = pair()
    expect(client.receive(server.goAway('ok'))).toEqual([{ kind: 'goAway', status: 'ok' }])
    expect(server.receive(client.open([]).bytes).map(({ kind }) => kind)).toEqual(['send'])
  })

  it('resets data for a stream that never was, and drops what comes late', () => {
    const { client, server } = pair()
    const unknown = frame({ type: 'data', streamId: 7, fin: false, data: Buffer.from('x') })
    expect(server.receive(unknown).map(({ kind }) => kind)).toEqual(['send'])
    const { streamId, bytes } = client.open([])
    deliver(bytes, server, client)
    server.reset(streamId, 'cancel')
    expect(server.receive(client.data(streamId, Buffer.from('late')))).toEqual([])
  })
})

/** The same frame as the second of a connection: its headers without zlib's first six bytes. */
function frameWithoutHead(bytes: Buffer): Buffer {
  const body = Buffer.concat([bytes.subarray(8, 18), bytes.subarray(24)])
  const head = Buffer.from(bytes.subarray(0, 8))
  head.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([head, body])
}
