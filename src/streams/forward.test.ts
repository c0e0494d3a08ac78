import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createWebSocketStream, WebSocket } from 'ws'
import { connectedPair } from '../../test/support/connected-pair.ts'
import { type HeaderBlock, headerOf, SpdySession } from '../protocol/index.ts'
import { acceptWebSocket } from './accept-websocket.ts'
import { forwardStreamOf, portOf } from './forward-headers.ts'
import type { ForwardEnd, ForwardListener } from './forward-types.ts'
import { defaultStreamLimits, type StreamLimits } from './limits.ts'
import { openSpdyForward } from './spdy-forward-client.ts'
import { serveSpdyForward } from './spdy-forward-server.ts'
import { chooseForwardDialect, serveWebSocketForward } from './websocket-forward.ts'
import { WebSocketLink } from './websocket-link.ts'
import { TUNNEL_PROTOCOL, tunnelOf } from './websocket-tunnel.ts'

const EMPTY = Buffer.alloc(0)
const limits: StreamLimits = { ...defaultStreamLimits, lingerMs: 150, openTimeoutMs: 250 }

const connections: Duplex[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy()
})

function pair(): [Duplex, Duplex] {
  const both = connectedPair()
  connections.push(...both)
  return both
}

/** Hears everything, in the order in which it came. */
class Ear implements ForwardListener {
  readonly log: string[] = []
  readonly got = new Map<number, Buffer[]>()
  readonly over = Promise.withResolvers<Error | null>()
  drains = 0
  /** Takes so many bytes before it says that it is enough. */
  room = Number.POSITIVE_INFINITY

  opened(id: number, port: number): boolean {
    this.log.push(`opened ${id} ${port}`)
    return true
  }
  data(id: number, data: Buffer): boolean {
    this.got.set(id, [...(this.got.get(id) ?? []), Buffer.from(data)])
    this.room -= data.length
    return this.room > 0
  }
  end(id: number): void {
    this.log.push(`end ${id}`)
  }
  fared(id: number, words: string): void {
    this.log.push(`fared ${id} ${words}`)
  }
  reset(id: number): void {
    this.log.push(`reset ${id}`)
  }
  drain(): void {
    this.drains += 1
  }
  closed(error: Error | null): void {
    this.log.push('closed')
    this.over.resolve(error)
  }
  bytes(id: number): Buffer {
    return Buffer.concat(this.got.get(id) ?? [])
  }
}

/** The other end of a SPDY connection, frame by frame. */
class Peer {
  readonly log: string[] = []
  readonly streams: { streamId: number; headers: HeaderBlock }[] = []
  readonly got = new Map<number, Buffer[]>()
  /** Whether it says yes to streams at once. */
  accepts = true
  readonly session: SpdySession
  readonly connection: Duplex

  constructor(role: 'client' | 'server', connection: Duplex) {
    this.connection = connection
    this.session = new SpdySession(role)
    connection.on('data', (chunk: Buffer) => {
      for (const event of this.session.receive(chunk)) {
        if (event.kind === 'send') connection.write(event.bytes)
        else if (event.kind === 'data') {
          this.got.set(event.streamId, [...(this.got.get(event.streamId) ?? []), event.data])
        } else if (event.kind === 'stream') {
          this.streams.push(event)
          this.log.push(`stream ${event.streamId} ${headerOf(event.headers, 'streamtype')}`)
          if (this.accepts) this.accept(event.streamId)
        } else if (event.kind === 'goAway') this.log.push('goAway')
        else this.log.push(`${event.kind} ${event.streamId}`)
      }
    })
    connection.on('end', () => connection.end())
  }
  accept(streamId: number): void {
    this.connection.write(this.session.accept(streamId))
  }
  open(headers: Record<string, string>): number {
    const { streamId, bytes } = this.session.open(Object.entries(headers))
    this.connection.write(bytes)
    return streamId
  }
  /** As client-go opens a connection. */
  connect(port: number, requestid: string): { error: number; data: number } {
    const error = this.open({ streamtype: 'error', port: String(port), requestid })
    this.send(error, EMPTY, true)
    return { error, data: this.open({ streamtype: 'data', port: String(port), requestid }) }
  }
  send(streamId: number, data: Buffer, fin = false): void {
    this.connection.write(this.session.data(streamId, data, fin))
  }
  reset(streamId: number): void {
    this.connection.write(this.session.reset(streamId, 'cancel'))
  }
  text(streamId: number): string {
    return this.bytes(streamId).toString('latin1')
  }
  bytes(streamId: number): Buffer {
    return Buffer.concat(this.got.get(streamId) ?? [])
  }
}

/** A WebSocket between two ends of a connection, with the library's client. */
async function webSocket(protocol: string | null): Promise<{
  client: WebSocket
  near: Duplex
  asked: { socket: Duplex; head: Buffer; header: (name: string) => string | null }
}> {
  const [near, theirs] = pair()
  const upgraded = Promise.withResolvers<[IncomingMessage, Duplex, Buffer]>()
  const server = createServer()
  server.on('upgrade', (request, socket, head) => upgraded.resolve([request, socket, head]))
  server.emit('connection', theirs)
  const client = new WebSocket('ws://127.0.0.1/forward', {
    createConnection: () => near,
    perMessageDeflate: false,
    finishRequest: (request) => {
      if (protocol !== null) request.setHeader('Sec-WebSocket-Protocol', protocol)
      request.prependListener('upgrade', (response: IncomingMessage) => {
        expect(response.headers['sec-websocket-protocol']).toBe(protocol ?? undefined)
        delete response.headers['sec-websocket-protocol']
      })
      request.end()
    },
  })
  client.on('error', () => {})
  const [request, socket, head] = await upgraded.promise
  const header = (name: string): string | null => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : null
  }
  return { client, near, asked: { socket, head, header } }
}

interface Meeting {
  readonly end: ForwardEnd
  readonly ear: Ear
  readonly peer: Peer
}

const CARRIERS: readonly [string, (role: 'client' | 'server') => Promise<[Duplex, Duplex]>][] = [
  ['SPDY', async () => pair()],
  [
    'SPDY in a WebSocket',
    async (role) => {
      if (role === 'client') {
        // Both are ours: the library's server takes no such name.
        const [ours, theirs] = pair()
        const client = new WebSocketLink('client', ours, limits)
        const server = new WebSocketLink('server', theirs, limits)
        return [tunnelOf(client, EMPTY), tunnelOf(server, EMPTY)]
      }
      const { client, asked } = await webSocket(TUNNEL_PROTOCOL)
      const served = acceptWebSocket({ ...asked, protocol: TUNNEL_PROTOCOL }, limits)
      const [there, here] = [tunnelOf(served, asked.head), createWebSocketStream(client)]
      for (const tunnel of [there, here]) tunnel.on('error', () => {})
      return [there, here]
    },
  ],
]

describe.each(CARRIERS)('a client that speaks %s', (_name, carry) => {
  async function meet(some: Partial<StreamLimits> = {}): Promise<Meeting> {
    const [ours, theirs] = await carry('server')
    const ear = new Ear()
    const peer = new Peer('client', theirs)
    const options = { socket: ours, head: EMPTY, limits: { ...limits, ...some } }
    return { end: serveSpdyForward(options, ear), ear, peer }
  }

  it('is heard and told on several connections, byte for byte', async () => {
    const { end, ear, peer } = await meet()
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 31) & 255))
    const streams = [8080, 9090, 8080].map((port, at) => peer.connect(port, String(at)))
    for (const { data } of streams) peer.send(data, bytes)
    await expect.poll(() => ear.log).toEqual(['opened 1 8080', 'opened 2 9090', 'opened 3 8080'])
    for (const id of [1, 2, 3]) {
      await expect.poll(() => ear.bytes(id).length).toBe(bytes.length)
      expect(ear.bytes(id).equals(bytes)).toBe(true)
      end.write(id, bytes.subarray(id))
    }
    for (const [at, { data }] of streams.entries()) {
      await expect.poll(() => peer.bytes(data).length).toBe(bytes.length - at - 1)
      expect(peer.bytes(data).equals(bytes.subarray(at + 1))).toBe(true)
    }
  })

  it('may end its direction and hear on, and the other way round', async () => {
    const { end, ear, peer } = await meet()
    const { data, error } = peer.connect(80, '0')
    peer.send(data, Buffer.from('last'), true)
    await expect.poll(() => ear.log).toEqual(['opened 1 80', 'end 1'])
    end.write(1, Buffer.from('answer'))
    end.end(1)
    end.tell(1, '')
    await expect.poll(() => peer.log).toContain(`end ${error}`)
    expect(peer.text(data)).toBe('answer')
    await expect.poll(() => peer.log).toContain(`end ${data}`)
    expect(peer.text(error)).toBe('')
    const other = peer.connect(81, '0')
    await expect.poll(() => ear.log).toContain('opened 2 81')
    end.end(2)
    await expect.poll(() => peer.log).toContain(`end ${other.data}`)
    peer.send(other.data, Buffer.from('still'), true)
    await expect.poll(() => ear.log).toContain('end 2')
    expect(ear.bytes(2).toString()).toBe('still')
  })

  it('hears on the error stream how a connection fared', async () => {
    const { end, ear, peer } = await meet()
    const { data, error } = peer.connect(80, '0')
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
    end.tell(1, 'connection refused')
    end.end(1)
    await expect.poll(() => peer.log).toContain(`end ${data}`)
    expect(peer.text(error)).toBe('connection refused')
  })

  it('of the first version, without request ids, is understood', async () => {
    const { ear, peer } = await meet()
    for (const port of ['80', '81']) {
      peer.open({ streamtype: 'error', port })
      peer.send(peer.open({ streamtype: 'data', port }), Buffer.from(port))
    }
    await expect.poll(() => ear.log).toEqual(['opened 1 80', 'opened 2 81'])
    await expect.poll(() => ear.bytes(2).toString()).toBe('81')
    expect(ear.bytes(1).toString()).toBe('80')
  })

  it('may open the data stream first, and loses no word by it', async () => {
    const { end, ear, peer } = await meet()
    const data = peer.open({ streamtype: 'data', port: '80', requestid: '7' })
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
    end.tell(1, 'nobody listens')
    end.end(1)
    const error = peer.open({ streamtype: 'error', port: '80', requestid: '7' })
    await expect.poll(() => peer.text(error)).toBe('nobody listens')
    peer.send(data, EMPTY, true)
    await expect.poll(() => ear.log).toContain('end 1')
  })

  it.each([
    ['no port', { streamtype: 'data', requestid: '1' }],
    ['port 0', { streamtype: 'data', port: '0', requestid: '1' }],
    ['port 65536', { streamtype: 'error', port: '65536', requestid: '1' }],
    ['no type', { port: '80', requestid: '1' }],
    ['another type', { streamtype: 'resize', port: '80', requestid: '1' }],
    ['a number that is too long', { streamtype: 'data', port: '80', requestid: '1'.repeat(129) }],
  ])('that opens a stream with %s is refused that stream only', async (_what, headers) => {
    const { ear, peer } = await meet()
    const streamId = peer.open(headers)
    await expect.poll(() => peer.log).toEqual([`reset ${streamId}`])
    peer.connect(80, '2')
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
  })

  it('that opens one half twice, or halves of two ports, is refused the second', async () => {
    const { ear, peer } = await meet()
    peer.connect(80, '1')
    const again = peer.open({ streamtype: 'data', port: '80', requestid: '1' })
    await expect.poll(() => peer.log).toContain(`reset ${again}`)
    peer.open({ streamtype: 'error', port: '80', requestid: '2' })
    const elsewhere = peer.open({ streamtype: 'data', port: '81', requestid: '2' })
    await expect.poll(() => peer.log).toContain(`reset ${elsewhere}`)
    expect(ear.log).toEqual(['opened 1 80'])
  })

  it('that opens only an error stream is told so, and only a data stream is reset', async () => {
    const { ear, peer } = await meet()
    const error = peer.open({ streamtype: 'error', port: '80', requestid: '1' })
    const data = peer.open({ streamtype: 'data', port: '80', requestid: '2' })
    await expect.poll(() => peer.text(error)).toBe('timed out waiting for streams')
    await expect.poll(() => ear.log).toEqual(['opened 2 80', 'reset 2'])
    await expect.poll(() => peer.log).toContain(`reset ${data}`)
  })

  it('gets no more connections at once than the limit, and others go on', async () => {
    const { end, ear, peer } = await meet({ maxConnections: 2 })
    const [first] = [peer.connect(1, '1'), peer.connect(2, '2')]
    const third = peer.connect(3, '3')
    await expect.poll(() => peer.log).toContain(`reset ${third.error}`)
    await expect.poll(() => peer.log).toContain(`reset ${third.data}`)
    peer.send(first.data, EMPTY, true)
    await expect.poll(() => ear.log).toContain('end 1')
    end.end(1)
    end.tell(1, '')
    await expect.poll(() => peer.log).toContain(`end ${first.data}`)
    peer.connect(4, '4')
    await expect.poll(() => ear.log).toContain('opened 3 4')
  })

  it('that sends on to a connection that is over is broken off, and its place is free', async () => {
    const { end, ear, peer } = await meet({ maxConnections: 1 })
    const { data } = peer.connect(80, '1')
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
    end.end(1)
    end.tell(1, '')
    await expect.poll(() => peer.log).toContain(`reset ${data}`)
    peer.connect(81, '2')
    await expect.poll(() => ear.log).toContain('opened 2 81')
  })

  it('may break a connection off, and still hears how it fared', async () => {
    const { end, ear, peer } = await meet()
    const { data, error } = peer.connect(80, '1')
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
    peer.reset(data)
    await expect.poll(() => ear.log).toContain('reset 1')
    end.tell(1, 'broken pipe')
    await expect.poll(() => peer.text(error)).toBe('broken pipe')
  })

  it('sees when a connection is broken off', async () => {
    const { end, ear, peer } = await meet()
    const { data, error } = peer.connect(80, '1')
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
    end.reset(1)
    await expect.poll(() => peer.log).toContain(`reset ${data}`)
    await expect.poll(() => peer.log).toContain(`end ${error}`)
  })

  it('is told on each connection that stands when the session ends', async () => {
    const { end, ear, peer } = await meet()
    const streams = [peer.connect(80, '1'), peer.connect(81, '2')]
    await expect.poll(() => ear.log).toHaveLength(2)
    end.finish('the role is gone')
    expect(await ear.over.promise).toBe(null)
    for (const { data, error } of streams) {
      expect(peer.text(error)).toBe('the role is gone')
      expect(peer.log).toContain(`end ${data}`)
    }
    expect(peer.log).toContain('goAway')
  })

  it('that does not read makes the other side wait', async () => {
    const { end, ear, peer } = await meet()
    peer.connect(80, '1')
    await expect.poll(() => ear.log).toEqual(['opened 1 80'])
    peer.connection.pause()
    let sent = 0
    while (sent < 400 && end.write(1, Buffer.alloc(32 * 1024, 3))) sent += 1
    expect(sent).toBeLessThan(100)
    peer.connection.resume()
    await expect.poll(() => ear.drains).toBeGreaterThan(0)
  })

  it('is read no further while nobody takes what it says, and nothing is lost', async () => {
    const { end, ear, peer } = await meet()
    const { data } = peer.connect(80, '1')
    ear.room = 1
    const piece = Buffer.alloc(32 * 1024, 5)
    for (let sent = 0; sent < 40; sent += 1) peer.send(data, piece)
    await expect.poll(() => ear.bytes(1).length).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ear.bytes(1).length).toBeLessThan(20 * piece.length)
    ear.room = Number.POSITIVE_INFINITY
    end.resume()
    await expect.poll(() => ear.bytes(1).length).toBe(40 * piece.length)
  })

  it('that speaks something else, or vanishes, is over', async () => {
    const { ear, peer } = await meet()
    peer.connection.write(Buffer.from('800200060000000400000001', 'hex'))
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
    const gone = await meet()
    gone.peer.connect(80, '1')
    gone.peer.connection.destroy()
    await gone.ear.over.promise
    expect(gone.end.write(1, Buffer.from('x'))).toBe(true)
    gone.end.tell(1, 'x')
    gone.end.end(1)
    gone.end.reset(1)
    gone.end.finish('x')
    gone.end.destroy()
  })
})

describe.each(CARRIERS)('an API server that speaks %s', (_name, carry) => {
  async function meet(some: Partial<StreamLimits> = {}): Promise<Meeting> {
    const [ours, theirs] = await carry('client')
    const ear = new Ear()
    const peer = new Peer('server', theirs)
    const options = { socket: ours, head: EMPTY, limits: { ...limits, ...some } }
    return { end: openSpdyForward(options, ear), ear, peer }
  }

  /** The two streams of a connection, in their order. */
  const opened = async (peer: Peer, number = 1): Promise<{ error: number; data: number }> => {
    await expect.poll(() => peer.streams.length).toBeGreaterThanOrEqual(number * 2)
    const [error, data] = peer.streams.slice(number * 2 - 2)
    return { error: error?.streamId ?? 0, data: data?.streamId ?? 0 }
  }

  it('is asked for connections as client-go asks, and told nothing before it accepted', async () => {
    const { end, peer } = await meet()
    peer.accepts = false
    end.open(1, 8080)
    end.write(1, Buffer.from('early'))
    end.end(1)
    const { error, data } = await opened(peer)
    expect(peer.streams.map(({ headers }) => headers)).toEqual([
      [
        ['streamtype', 'error'],
        ['port', '8080'],
        ['requestid', '1'],
      ],
      [
        ['streamtype', 'data'],
        ['port', '8080'],
        ['requestid', '1'],
      ],
    ])
    expect(peer.log).toEqual([`stream ${error} error`, `stream ${data} data`])
    expect(peer.text(data)).toBe('')
    peer.accept(data)
    await expect.poll(() => peer.log).toContain(`end ${data}`)
    expect(peer.text(data)).toBe('early')
    expect(peer.log).not.toContain(`end ${error}`)
    peer.accept(error)
    await expect.poll(() => peer.log).toContain(`end ${error}`)
  })

  it('is heard, and said how each connection fared', async () => {
    const { end, ear, peer } = await meet()
    end.open(1, 80)
    end.open(2, 81)
    const one = await opened(peer)
    const two = await opened(peer, 2)
    peer.send(one.data, Buffer.from('hello'))
    peer.send(two.error, Buffer.from('connection '))
    peer.send(two.error, Buffer.from('refused'), true)
    peer.send(two.data, EMPTY, true)
    peer.send(one.error, EMPTY, true)
    peer.send(one.data, EMPTY, true)
    await expect
      .poll(() => ear.log)
      .toEqual(['fared 2 connection refused', 'end 2', 'fared 1 ', 'end 1'])
    expect(ear.bytes(1).toString()).toBe('hello')
  })

  it('that says too much on an error stream is cut short', async () => {
    const { end, ear, peer } = await meet({ maxErrorBytes: 10 })
    end.open(1, 80)
    const { error } = await opened(peer)
    for (let said = 0; said < 20; said += 1) peer.send(error, Buffer.from('words'))
    peer.send(error, EMPTY, true)
    await expect.poll(() => ear.log).toEqual(['fared 1 wordswords'])
  })

  it('that refuses or breaks off a connection leaves the others', async () => {
    const { end, ear, peer } = await meet()
    peer.accepts = false
    end.open(1, 80)
    const one = await opened(peer)
    peer.reset(one.error)
    peer.reset(one.data)
    await expect.poll(() => ear.log).toContain('reset 1')
    peer.accepts = true
    end.open(2, 81)
    const two = await opened(peer, 2)
    end.write(2, Buffer.from('on'))
    await expect.poll(() => peer.text(two.data)).toBe('on')
  })

  it('that accepts nothing in time is not waited for', async () => {
    const { end, ear, peer } = await meet()
    peer.accepts = false
    end.open(1, 80)
    await expect.poll(() => ear.log.length).toBe(2)
    expect(ear.log[0]).toMatch(/^fared 1 .*did not open a connection to port 80 in time$/)
    expect(ear.log[1]).toBe('end 1')
    await expect.poll(() => peer.log.at(-1)).toMatch(/^reset/)
  })

  it('that keeps many waiting holds no more than a bound, and they wait', async () => {
    const { end, ear, peer } = await meet({ openTimeoutMs: 60_000 })
    peer.accepts = false
    for (let id = 1; id <= 10; id += 1) end.open(id, 80)
    let written = 0
    for (let id = 1; id <= 10 && end.write(id, Buffer.alloc(256 * 1024)); id += 1) written += 1
    expect(written).toBe(4)
    await opened(peer, 10)
    const before = ear.drains
    for (const { streamId } of peer.streams) peer.accept(streamId)
    await expect.poll(() => ear.drains).toBeGreaterThan(before)
    end.destroy()
  })

  it('hears that a connection was broken off, and may say how it fared', async () => {
    const { end, ear, peer } = await meet()
    end.open(1, 80)
    const { data, error } = await opened(peer)
    end.reset(1)
    await expect.poll(() => peer.log).toContain(`reset ${data}`)
    peer.send(error, Buffer.from('broken pipe'), true)
    await expect.poll(() => ear.log).toEqual(['fared 1 broken pipe'])
    end.open(2, 80)
    const other = await opened(peer, 2)
    end.reset(2)
    await expect.poll(() => ear.log).toContain('fared 2 ')
    await expect.poll(() => peer.log).toContain(`reset ${other.error}`)
  })

  it('that takes no more connections is asked for none', async () => {
    const { end, ear, peer } = await meet()
    peer.connection.write(peer.session.goAway('ok'))
    await expect
      .poll(() => {
        end.open(1, 80)
        return ear.log
      })
      .toContain('reset 1')
  })

  it('that opens streams of its own is refused', async () => {
    const { peer } = await meet()
    const streamId = peer.open({ streamtype: 'data', port: '80' })
    await expect.poll(() => peer.log).toContain(`reset ${streamId}`)
  })

  it('that vanishes is over for all', async () => {
    const { end, ear, peer } = await meet()
    end.open(1, 80)
    await opened(peer)
    peer.connection.destroy()
    await ear.over.promise
    end.open(2, 80)
    end.write(1, Buffer.from('x'))
    end.end(1)
    end.reset(1)
    end.resume()
    end.finish('x')
  })
})

describe.each([
  ['v4.channel.k8s.io', false],
  ['v4.base64.channel.k8s.io', true],
  [null, false],
] as const)('a client that speaks plain WebSocket (%s)', (protocol, base64) => {
  async function meet(ports: readonly number[] = [8080, 258]): Promise<{
    end: ForwardEnd
    ear: Ear
    client: WebSocket
    near: Duplex
    got: Map<number, Buffer>
    say(channel: number, data: Buffer): void
  }> {
    const { client, near, asked } = await webSocket(protocol)
    const got = new Map<number, Buffer>()
    client.on('message', (message: Buffer, isBinary) => {
      expect(isBinary).toBe(!base64)
      const channel = base64 ? Number(message.toString('latin1', 0, 1)) : (message[0] ?? -1)
      const data = base64
        ? Buffer.from(message.toString('latin1', 1), 'base64')
        : message.subarray(1)
      got.set(channel, Buffer.concat([got.get(channel) ?? EMPTY, data]))
    })
    const dialect = chooseForwardDialect(protocol === null ? [] : ['v5.channel.k8s.io', protocol])
    if (dialect === null) throw new Error('no dialect')
    const ear = new Ear()
    const end = serveWebSocketForward({ ...asked, dialect, ports, limits }, ear)
    const say = (channel: number, data: Buffer): void =>
      client.send(
        base64
          ? `${channel}${data.toString('base64')}`
          : Buffer.concat([Buffer.from([channel]), data]),
      )
    await expect.poll(() => got.size).toBe(ports.length * 2)
    return { end, ear, client, near, got, say }
  }

  it('is told which channel is which port, and has all connections from the beginning', async () => {
    const { ear, got } = await meet()
    expect(ear.log).toEqual(['opened 1 8080', 'opened 2 258'])
    expect([...got]).toEqual([
      [0, Buffer.from([0x90, 0x1f])],
      [1, Buffer.from([0x90, 0x1f])],
      [2, Buffer.from([2, 1])],
      [3, Buffer.from([2, 1])],
    ])
  })

  it('is heard and told, byte for byte, and told what went wrong', async () => {
    const { end, ear, got, say } = await meet()
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 31) & 255))
    say(2, bytes)
    say(0, EMPTY)
    say(1, Buffer.from('nobody hears this'))
    await expect.poll(() => ear.bytes(2).length).toBe(bytes.length)
    expect(ear.bytes(2).equals(bytes)).toBe(true)
    expect(ear.bytes(1).length).toBe(0)
    end.write(1, bytes)
    end.tell(2, 'connection refused')
    await expect.poll(() => got.get(0)?.length).toBe(bytes.length + 2)
    expect(got.get(0)?.subarray(2).equals(bytes)).toBe(true)
    await expect.poll(() => got.get(3)?.toString('latin1', 2)).toBe('connection refused')
  })

  it('is sent home when the last of its connections is over', async () => {
    const { end, ear, client } = await meet()
    end.end(1)
    end.tell(1, '')
    end.reset(2)
    expect(await new Promise((resolve) => client.once('close', resolve))).toBe(1000)
    expect(await ear.over.promise).toBe(null)
  })

  it('hears why the session ends', async () => {
    const { end, got, client } = await meet([80])
    end.finish('the role is gone')
    await new Promise((resolve) => client.once('close', resolve))
    expect(got.get(1)?.toString('latin1', 2)).toBe('the role is gone')
  })

  it.each([
    ['a channel that is none', Buffer.from([9, 1]), '9AA=='],
    ['the other kind of message, which it would not be', '0AA==', Buffer.from([0, 1])],
  ])('that sends %s is sent away', async (_what, binary, text) => {
    const { ear, client } = await meet()
    client.send(base64 ? text : binary)
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
  })

  it('is heard when it says something after nothing, and as text where that needs no other form', async () => {
    const { ear, client, say } = await meet()
    client.send(base64 ? '' : EMPTY)
    if (base64) say(2, Buffer.from('words'))
    else client.send('\u0002words')
    await expect.poll(() => ear.bytes(2).toString()).toBe('words')
  })

  it('waits and is waited for', async () => {
    const { end, ear, near, say } = await meet([80])
    near.pause()
    let sent = 0
    while (sent < 400 && end.write(1, Buffer.alloc(32 * 1024, 3))) sent += 1
    expect(sent).toBeLessThan(100)
    near.resume()
    await expect.poll(() => ear.drains).toBeGreaterThan(0)
    ear.room = 1
    for (let said = 0; said < 40; said += 1) say(0, Buffer.alloc(32 * 1024, 5))
    await expect.poll(() => ear.bytes(1).length).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ear.bytes(1).length).toBeLessThan(20 * 32 * 1024)
    ear.room = Number.POSITIVE_INFINITY
    end.resume()
    await expect.poll(() => ear.bytes(1).length).toBe(40 * 32 * 1024)
  })

  it('that vanishes is over', async () => {
    const { end, ear, client } = await meet([80])
    client.terminate()
    await ear.over.promise
    expect(end.write(1, Buffer.from('x'))).toBe(true)
    end.destroy()
  })
})

describe('the tunnel', () => {
  it('takes no text', async () => {
    const { client, asked } = await webSocket(TUNNEL_PROTOCOL)
    const served = acceptWebSocket({ ...asked, protocol: TUNNEL_PROTOCOL }, limits)
    const ear = new Ear()
    serveSpdyForward({ socket: tunnelOf(served, asked.head), head: EMPTY, limits }, ear)
    if (client.readyState !== WebSocket.OPEN) {
      await new Promise((resolve) => client.once('open', resolve))
    }
    client.send('text')
    expect(await new Promise((resolve) => client.once('close', resolve))).toBe(1003)
    await ear.over.promise
  })

  it('is refused to whoever has no handshake', async () => {
    const [ours, theirs] = pair()
    let text = ''
    theirs.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    const asked = { socket: ours, header: () => null, protocol: TUNNEL_PROTOCOL }
    expect(() => acceptWebSocket(asked, limits)).toThrow(
      expect.objectContaining({ code: 'STREAM_MALFORMED' }),
    )
    await expect.poll(() => text).toMatch(/^HTTP\/1\.1 40/)
  })
})

describe('the dialects of a plain WebSocket', () => {
  it.each([
    [['v5.channel.k8s.io', 'v4.channel.k8s.io'], 'v4.channel.k8s.io'],
    [['v4.base64.channel.k8s.io'], 'v4.base64.channel.k8s.io'],
    [['v4.base64.channel.k8s.io', 'v4.channel.k8s.io'], 'v4.channel.k8s.io'],
    [[], null],
  ])('of %j are %j', (offered, protocol) => {
    expect(chooseForwardDialect(offered)?.protocol).toBe(protocol)
  })

  it('are not guessed', () => {
    expect(chooseForwardDialect(['channel.k8s.io', 'portforward.k8s.io'])).toBe(null)
  })
})

describe('the headers of a stream', () => {
  it('name a port as kubelet reads it', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -10, max: 70_000 }).map(String), fc.string()),
        (text) => {
          const port = portOf(text)
          const isPort = /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
          expect(port).toBe(isPort ? Number(text) : null)
        },
      ),
    )
  })

  it('pair an error stream and the data stream after it when they have no number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (streamId) => {
        const error = forwardStreamOf(streamId, [
          ['streamtype', 'error'],
          ['port', '80'],
        ])
        const data = forwardStreamOf(streamId + 2, [
          ['streamtype', 'data'],
          ['port', '80'],
        ])
        expect(error?.key).toBe(data?.key)
      }),
    )
  })

  it('never make a numbered pair of an unnumbered one', () => {
    const error = forwardStreamOf(1, [
      ['streamtype', 'error'],
      ['port', '80'],
    ])
    const data = forwardStreamOf(5, [
      ['streamtype', 'data'],
      ['port', '80'],
      ['requestid', '1'],
    ])
    expect(error?.key).not.toBe(data?.key)
  })
})
