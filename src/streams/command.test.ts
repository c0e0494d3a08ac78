import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { connectedPair } from '../../test/support/connected-pair.ts'
import {
  formatChannelMessage,
  headerOf,
  parseChannelMessage,
  SpdySession,
  type TerminalSize,
} from '../protocol/index.ts'
import { StreamError } from './errors.ts'
import { defaultStreamLimits } from './limits.ts'
import {
  openSpdyCommand,
  SPDY_COMMAND_PROTOCOLS,
  type SpdyCommandProtocol,
  serveSpdyCommand,
} from './spdy-command.ts'
import type { CommandEnd, CommandListener, CommandPlan, CommandStream } from './types.ts'
import { openWebSocketCommand, serveWebSocketCommand } from './websocket-command.ts'
import {
  chooseDialect,
  readMessage,
  V5,
  type WebSocketDialect,
  writeText,
} from './websocket-dialect.ts'

const EMPTY = Buffer.alloc(0)
const PLAN: CommandPlan = { stdin: true, stdout: true, stderr: true, tty: false }
const TERMINAL: CommandPlan = { stdin: true, stdout: true, stderr: false, tty: true }
const SUCCESS = JSON.stringify({ metadata: {}, status: 'Success' })
const FAILURE = JSON.stringify({ status: 'Failure', message: 'exit code 3', code: 500 })
const limits = { ...defaultStreamLimits, lingerMs: 200 }

const connections: Duplex[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy()
})

function pair(): [Duplex, Duplex] {
  const both = connectedPair()
  connections.push(...both)
  return both
}

/** Hears everything. */
class Ear implements CommandListener {
  readonly heard: Partial<Record<CommandStream, Buffer>> = {}
  readonly ended: CommandStream[] = []
  readonly sizes: TerminalSize[] = []
  readonly statuses: string[] = []
  readonly over = Promise.withResolvers<Error | null>()
  drains = 0
  /** Takes so many bytes before it says that it is enough. */
  room = Number.POSITIVE_INFINITY
  calls = 0

  data(stream: CommandStream, data: Buffer): boolean {
    this.calls += 1
    this.heard[stream] = Buffer.concat([this.heard[stream] ?? Buffer.alloc(0), data])
    this.room -= data.length
    return this.room > 0
  }
  end(stream: CommandStream): void {
    this.ended.push(stream)
  }
  resize(size: TerminalSize): void {
    this.sizes.push(size)
  }
  status(status: string): void {
    this.statuses.push(status)
  }
  drain(): void {
    this.drains += 1
  }
  closed(error: Error | null): void {
    this.over.resolve(error)
  }
  text(stream: CommandStream): string {
    return (this.heard[stream] ?? Buffer.alloc(0)).toString('latin1')
  }
}

/** The other side of the wire, by other code than ours where there is some. */
interface Peer {
  send(stream: 'stdin' | 'stdout' | 'stderr' | 'error' | 'resize', data: Buffer): void
  /** Nothing more on a stream; false when the protocol cannot say so. */
  close(stream: 'stdin' | 'stdout' | 'stderr' | 'error'): boolean
  received(stream: 'stdin' | 'stdout' | 'stderr' | 'error' | 'resize'): Buffer
  /** Bytes that are none of the protocol. */
  spoil(): void
  readonly connection: Duplex
  hangUp(): void
}

class SpdyPeer implements Peer {
  readonly connection: Duplex
  readonly ids = new Map<string, number>()
  readonly #session: SpdySession
  readonly #got = new Map<number, Buffer[]>()

  constructor(role: 'client' | 'server', connection: Duplex) {
    this.connection = connection
    this.#session = new SpdySession(role)
    connection.on('data', (chunk: Buffer) => {
      for (const event of this.#session.receive(chunk)) {
        if (event.kind === 'send') connection.write(event.bytes)
        else if (event.kind === 'data') {
          this.#got.set(event.streamId, [...(this.#got.get(event.streamId) ?? []), event.data])
        } else if (event.kind === 'stream') {
          this.ids.set(headerOf(event.headers, 'streamtype') ?? '', event.streamId)
          connection.write(this.#session.accept(event.streamId))
        }
      }
    })
    connection.on('end', () => connection.end())
  }

  open(type: string): void {
    const { streamId, bytes } = this.#session.open([['streamtype', type]])
    this.ids.set(type, streamId)
    this.connection.write(bytes)
  }
  send(stream: string, data: Buffer): void {
    this.connection.write(this.#session.data(this.ids.get(stream) ?? 0, data))
  }
  close(stream: string): boolean {
    const bytes = this.#session.data(this.ids.get(stream) ?? 0, Buffer.alloc(0), true)
    if (bytes.length > 0) this.connection.write(bytes)
    return true
  }
  reset(stream: string): void {
    this.connection.write(this.#session.reset(this.ids.get(stream) ?? 0, 'internalError'))
  }
  received(stream: string): Buffer {
    return Buffer.concat(this.#got.get(this.ids.get(stream) ?? 0) ?? [])
  }
  spoil(): void {
    // A ping of SPDY/2.
    this.connection.write(Buffer.from('800200060000000400000001', 'hex'))
  }
  hangUp(): void {
    this.connection.destroy()
  }
}

/** A message as it goes over the wire: a string as text. */
const messageOf = (
  dialect: WebSocketDialect,
  channel: Parameters<typeof formatChannelMessage>[0],
  data: Buffer,
): Buffer | string =>
  dialect.base64 ? writeText(channel, data) : formatChannelMessage(channel, data)

/** The peer of a WebSocket, with the library and the channels by hand. */
class WebSocketPeer implements Peer {
  readonly connection: Duplex
  readonly socket: WebSocket
  readonly #dialect: NonNullable<ReturnType<typeof chooseDialect>>
  readonly #got = new Map<string, Buffer[]>()
  code: number | null = null

  constructor(
    socket: WebSocket,
    connection: Duplex,
    dialect: NonNullable<ReturnType<typeof chooseDialect>>,
  ) {
    this.socket = socket
    this.connection = connection
    this.#dialect = dialect
    socket.on('error', () => {})
    socket.on('close', (code) => {
      this.code = code
    })
    socket.on('message', (data: Buffer, isBinary) => {
      const message = readMessage(dialect, data, isBinary)
      if (message === null) throw new Error('not a message')
      const name = message.kind === 'close' ? `close ${message.channel}` : message.channel
      const bytes = message.kind === 'close' ? Buffer.from('closed') : message.data
      this.#got.set(name, [...(this.#got.get(name) ?? []), bytes])
    })
  }

  send(stream: Parameters<Peer['send']>[0], data: Buffer): void {
    this.socket.send(messageOf(this.#dialect, stream, data))
  }
  close(stream: 'stdin' | 'stdout' | 'stderr' | 'error'): boolean {
    if (!this.#dialect.canClose) return false
    const number = { stdin: 0, stdout: 1, stderr: 2, error: 3 }[stream]
    this.socket.send(Buffer.from([255, number]))
    return true
  }
  received(stream: string): Buffer {
    return Buffer.concat(this.#got.get(stream) ?? [])
  }
  spoil(): void {
    this.socket.send(Buffer.from([9, 1, 2]))
  }
  hangUp(): void {
    this.socket.terminate()
  }
}

interface Meeting {
  readonly end: CommandEnd
  readonly ear: Ear
  readonly peer: Peer
}

async function spdyClient(protocol: SpdyCommandProtocol, plan: CommandPlan): Promise<Meeting> {
  const [ours, theirs] = pair()
  const ear = new Ear()
  const peer = new SpdyPeer('client', theirs)
  const serving = serveSpdyCommand(
    { socket: ours, head: Buffer.alloc(0), plan, protocol, limits },
    ear,
  )
  const hasResize = protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io'
  peer.open('error')
  if (plan.stdin) peer.open('stdin')
  if (plan.stdout) peer.open('stdout')
  if (plan.stderr) peer.open('stderr')
  if (plan.tty && hasResize) peer.open('resize')
  return { end: await serving, ear, peer }
}

/** A request that asks for a WebSocket, as Node's server hands it over, and the library's client that sent it. */
async function handshake(protocols: string[]): Promise<{
  client: WebSocket
  near: Duplex
  request: IncomingMessage
  far: Duplex
  head: Buffer
}> {
  const [near, theirs] = pair()
  const upgraded = Promise.withResolvers<[IncomingMessage, Duplex, Buffer]>()
  const server = createServer()
  server.on('upgrade', (request, socket, head) => upgraded.resolve([request, socket, head]))
  server.emit('connection', theirs)
  const client = new WebSocket('ws://127.0.0.1/exec', protocols, {
    createConnection: () => near,
    perMessageDeflate: false,
  })
  const [request, far, head] = await upgraded.promise
  return { client, near, request, far, head }
}

const standing = async (client: WebSocket): Promise<void> => {
  if (client.readyState !== WebSocket.OPEN) {
    await new Promise((resolve) => client.once('open', resolve))
  }
}

/** Null: the client names none. */
async function webSocketClient(protocol: string | null, plan: CommandPlan): Promise<Meeting> {
  const protocols = protocol === null ? [] : [protocol]
  const { client, near, request, far, head } = await handshake(protocols)
  const dialect = chooseDialect(protocols)
  if (dialect === null) throw new Error('no dialect')
  const peer = new WebSocketPeer(client, near, dialect)
  const ear = new Ear()
  const header = (name: string): string | null => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : null
  }
  const end = await serveWebSocketCommand({ socket: far, head, header, dialect, plan, limits }, ear)
  await standing(client)
  return { end, ear, peer }
}

async function spdyServer(plan: CommandPlan): Promise<Meeting> {
  const [ours, theirs] = pair()
  const ear = new Ear()
  const peer = new SpdyPeer('server', theirs)
  const end = openSpdyCommand({ socket: ours, head: Buffer.alloc(0), plan, limits }, ear)
  await expect.poll(() => peer.ids.has(plan.tty ? 'resize' : 'error')).toBe(true)
  return { end, ear, peer }
}

async function webSocketServer(): Promise<Meeting> {
  const [near, theirs] = pair()
  const server = createServer()
  const served = Promise.withResolvers<[WebSocket, Duplex]>()
  server.on('upgrade', (request, far, head) => {
    const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
    webSockets.handleUpgrade(request, far, head, (socket) => served.resolve([socket, far]))
  })
  server.emit('connection', theirs)
  near.write(
    `GET /exec HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${V5.protocol}\r\n\r\n`,
  )
  let answer: Buffer = Buffer.alloc(0)
  while (!answer.includes('\r\n\r\n')) {
    const [chunk] = (await once(near, 'data')) as [Buffer]
    answer = Buffer.concat([answer, chunk])
  }
  near.pause()
  const head = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
  const [socket, far] = await served.promise
  const ear = new Ear()
  const end = openWebSocketCommand({ socket: near, head, dialect: V5, limits }, ear)
  end.resume()
  return { end, ear, peer: new WebSocketPeer(socket, far, V5) }
}

const WEB_SOCKETS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
]
const CLIENTS: readonly [string, (plan: CommandPlan) => Promise<Meeting>, 'json' | 'words'][] = [
  ...SPDY_COMMAND_PROTOCOLS.map(
    (protocol) =>
      [
        `SPDY ${protocol}`,
        (plan: CommandPlan) => spdyClient(protocol, plan),
        protocol === 'v4.channel.k8s.io' ? 'json' : 'words',
      ] as [string, (plan: CommandPlan) => Promise<Meeting>, 'json' | 'words'],
  ),
  ...WEB_SOCKETS.map(
    (protocol) =>
      [
        `WebSocket ${protocol}`,
        (plan: CommandPlan) => webSocketClient(protocol, plan),
        /v[45]/.test(protocol) ? 'json' : 'words',
      ] as [string, (plan: CommandPlan) => Promise<Meeting>, 'json' | 'words'],
  ),
]
const SERVERS: readonly [string, (plan: CommandPlan) => Promise<Meeting>][] = [
  ['SPDY v4.channel.k8s.io', spdyServer],
  ['WebSocket v5.channel.k8s.io', webSocketServer],
]

describe.each(CLIENTS)('a client that speaks %s', (name, meet, style) => {
  it('and reads slowly gets all of it, and how it ended, however long that takes', async () => {
    const { end, peer } = await meet(PLAN)
    peer.connection.pause()
    const piece = Buffer.alloc(32 * 1024, 'x')
    for (let count = 0; count < 40; count += 1) end.write('stdout', piece)
    end.finish(FAILURE)
    // Longer than somebody is given who has got everything.
    await new Promise((resolve) => setTimeout(resolve, limits.lingerMs * 3))
    peer.connection.resume()
    await expect.poll(() => peer.received('stdout').length).toBe(40 * piece.length)
    await expect.poll(() => peer.received('error').toString()).toContain('exit code 3')
  })

  it('is heard and told, byte for byte', async () => {
    const { end, ear, peer } = await meet(PLAN)
    const input = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 31) & 255))
    peer.send('stdin', input)
    end.write('stdout', input)
    end.write('stderr', Buffer.from([0, 255, 10]))
    await expect.poll(() => ear.text('stdin').length).toBe(input.length)
    expect(ear.heard.stdin?.equals(input)).toBe(true)
    await expect.poll(() => peer.received('stdout').length).toBe(input.length)
    expect(peer.received('stdout').equals(input)).toBe(true)
    await expect.poll(() => peer.received('stderr').toString('hex')).toBe('00ff0a')
  })

  it('can end its input', async () => {
    const { ear, peer } = await meet(PLAN)
    peer.send('stdin', Buffer.from('last'))
    if (!peer.close('stdin')) {
      await expect.poll(() => ear.text('stdin')).toBe('last')
      expect(ear.ended).toEqual([])
      return
    }
    await expect.poll(() => ear.ended).toEqual(['stdin'])
    expect(ear.text('stdin')).toBe('last')
  })

  it('tells the size of its terminal', async () => {
    const { ear, peer } = await meet(TERMINAL)
    if (/SPDY (v2\.)?channel/.test(name)) {
      // Clients of that age have no stream for it, and none is waited for.
      expect((peer as SpdyPeer).ids.has('resize')).toBe(false)
      return
    }
    peer.send('resize', Buffer.from('{"Width":80,"Height":24}'))
    peer.send('resize', Buffer.from('{"Width":81,"Height":25}\n'))
    await expect
      .poll(() => ear.sizes)
      .toEqual([
        { width: 80, height: 24 },
        { width: 81, height: 25 },
      ])
  })

  it('hears how the command ended, after all of its output', async () => {
    const { end, ear, peer } = await meet(PLAN)
    end.write('stdout', Buffer.alloc(200_000, 1))
    end.finish(FAILURE)
    expect(await ear.over.promise).toBe(null)
    expect(peer.received('stdout').length).toBe(200_000)
    expect(peer.received('error').toString()).toBe(style === 'json' ? FAILURE : 'exit code 3')
  })

  it('of a command that ended well hears as much as its version says', async () => {
    const { end, ear, peer } = await meet(PLAN)
    end.finish(SUCCESS)
    expect(await ear.over.promise).toBe(null)
    expect(peer.received('error').toString()).toBe(style === 'json' ? SUCCESS : '')
  })

  it('that does not read makes the other side wait', async () => {
    const { end, ear, peer } = await meet(PLAN)
    peer.connection.pause()
    let sent = 0
    while (sent < 200 && end.write('stdout', Buffer.alloc(32 * 1024, 3))) sent += 1
    expect(sent).toBeLessThan(100)
    expect(ear.drains).toBe(0)
    peer.connection.resume()
    await expect.poll(() => ear.drains).toBeGreaterThan(0)
    await expect.poll(() => peer.received('stdout').length).toBe((sent + 1) * 32 * 1024)
  })

  it('is read no further while nobody takes what it says, and nothing is lost', async () => {
    const { end, ear, peer } = await meet(PLAN)
    ear.room = 1
    const piece = Buffer.alloc(32 * 1024, 5)
    for (let sent = 0; sent < 40; sent += 1) peer.send('stdin', piece)
    await expect.poll(() => ear.calls).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ear.text('stdin').length).toBeLessThan(20 * piece.length)
    ear.room = Number.POSITIVE_INFINITY
    end.resume()
    await expect.poll(() => ear.text('stdin').length).toBe(40 * piece.length)
  })

  it('that speaks something else is sent away', async () => {
    const { ear, peer } = await meet(PLAN)
    peer.spoil()
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
  })

  it('that vanishes is over', async () => {
    const { end, ear, peer } = await meet(PLAN)
    peer.hangUp()
    await ear.over.promise
    expect(end.write('stdout', Buffer.from('x'))).toBe(true)
    end.finish(SUCCESS)
    end.destroy()
  })
})

describe('a SPDY client that reads nothing of what it is answered', () => {
  it('is heard no more, and later again', async () => {
    const { ear, peer } = await spdyClient('v4.channel.k8s.io', PLAN)
    peer.connection.pause()
    const ping = Buffer.from('800300060000000400000001', 'hex')
    const pings = Buffer.concat(Array.from({ length: 5000 }, () => ping))
    let isTaken = true
    for (let count = 0; count < 100 && isTaken; count += 1) {
      isTaken = peer.connection.write(pings)
      await new Promise((resolve) => setImmediate(resolve))
    }
    // Not all of six megabytes: they wait at his end.
    expect(isTaken).toBe(false)
    peer.send('stdin', Buffer.from('after all'))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(ear.text('stdin')).toBe('')
    peer.connection.resume()
    await expect.poll(() => ear.text('stdin')).toBe('after all')
  })
})

describe.each(SERVERS)('an API server that speaks %s', (_name, meet) => {
  it('is told and heard, byte for byte, up to how the command ended', async () => {
    const { end, ear, peer } = await meet(PLAN)
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 17) & 255))
    end.write('stdin', bytes)
    end.end('stdin')
    peer.send('stdout', bytes)
    peer.send('stderr', Buffer.from('oh'))
    await expect.poll(() => peer.received('stdin').length).toBe(bytes.length)
    expect(peer.received('stdin').equals(bytes)).toBe(true)
    peer.send('error', Buffer.from(FAILURE))
    peer.close('error')
    await expect.poll(() => ear.statuses).toEqual([FAILURE])
    expect(ear.heard.stdout?.equals(bytes)).toBe(true)
    expect(ear.text('stderr')).toBe('oh')
    peer.connection.end()
    expect(await ear.over.promise).toBe(null)
  })

  it('that closes before it said how the command ended has not said that all is well', async () => {
    const { ear, peer } = await meet(PLAN)
    peer.send('stdout', Buffer.from('half of'))
    await expect.poll(() => ear.text('stdout')).toBe('half of')
    peer.hangUp()
    expect(await ear.over.promise).toBeInstanceOf(StreamError)
    expect(ear.statuses).toEqual([])
  })

  it('is told the size of the terminal', async () => {
    const { end, peer } = await meet(TERMINAL)
    end.resize({ width: 120, height: 40 })
    await expect.poll(() => peer.received('resize').toString()).toBe('{"Width":120,"Height":40}\n')
  })

  it('is heard when it says its Status byte by byte', async () => {
    const { ear, peer } = await meet(PLAN)
    for (const byte of Buffer.from(FAILURE)) peer.send('error', Buffer.from([byte]))
    await expect.poll(() => ear.statuses).toEqual([FAILURE])
  })

  it('whose Status has no end is given up', async () => {
    const { ear, peer } = await meet(PLAN)
    for (let sent = 0; sent < 3; sent += 1) peer.send('error', Buffer.alloc(40_000, 0x7b))
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
  })
})

describe('a SPDY client', () => {
  it('may send a whole file in one frame', async () => {
    const { ear, peer } = await spdyClient('v4.channel.k8s.io', PLAN)
    const file = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 31) & 255))
    const head = Buffer.alloc(8)
    head.writeUInt32BE((peer as SpdyPeer).ids.get('stdin') ?? 0)
    head.writeUIntBE(file.length, 5, 3)
    peer.connection.write(Buffer.concat([head, file]))
    await expect.poll(() => ear.heard.stdin?.equals(file)).toBe(true)
  })

  it('may say when it opens its input that nothing comes', async () => {
    const [ours, theirs] = pair()
    const ear = new Ear()
    const serving = serveSpdyCommand(
      { socket: ours, head: EMPTY, plan: PLAN, protocol: 'v4.channel.k8s.io', limits },
      ear,
    )
    const session = new SpdySession('client')
    for (const type of ['error', 'stdin', 'stdout', 'stderr']) {
      const { bytes } = session.open([['streamtype', type]])
      // FLAG_FIN.
      if (type === 'stdin') bytes.writeUInt8(1, 4)
      theirs.write(bytes)
    }
    await serving
    expect(ear.ended).toEqual(['stdin'])
  })

  it('that does not open its streams is sent away', async () => {
    const [ours, theirs] = pair()
    const peer = new SpdyPeer('client', theirs)
    peer.open('error')
    const serving = serveSpdyCommand(
      {
        socket: ours,
        head: Buffer.alloc(0),
        plan: PLAN,
        protocol: 'v4.channel.k8s.io',
        limits: { ...limits, openTimeoutMs: 300 },
      },
      new Ear(),
    )
    await expect(serving).rejects.toMatchObject({ code: 'STREAM_NOT_OPENED' })
    expect(ours.destroyed).toBe(true)
  })

  it('that leaves before it opened its streams is gone', async () => {
    const [ours, theirs] = pair()
    const serving = serveSpdyCommand(
      {
        socket: ours,
        head: Buffer.alloc(0),
        plan: PLAN,
        protocol: 'v4.channel.k8s.io',
        limits,
      },
      new Ear(),
    )
    theirs.destroy()
    ours.destroy()
    await expect(serving).rejects.toMatchObject({ code: 'STREAM_NOT_OPENED' })
  })

  it('whose terminal has a size without an end is sent away', async () => {
    const { ear, peer } = await spdyClient('v4.channel.k8s.io', TERMINAL)
    peer.send('resize', Buffer.alloc(limits.maxSizeBytes + 1, 'x'))
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
  })

  it('gets no stream that its request does not have', async () => {
    const { ear, peer } = await spdyClient('v4.channel.k8s.io', { ...PLAN, stdin: false })
    ;(peer as SpdyPeer).open('stdin')
    peer.send('stdin', Buffer.from('x'))
    ;(peer as SpdyPeer).open('error')
    await new Promise((resolve) => setImmediate(resolve))
    expect(ear.calls).toBe(0)
  })
})

describe('a SPDY API server that accepts no stream yet', () => {
  it('makes nobody keep more than some bytes of input, in whatever pieces they come', async () => {
    const [ours, theirs] = pair()
    theirs.resume()
    const end = openSpdyCommand({ socket: ours, head: EMPTY, plan: PLAN, limits }, new Ear())
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    const before = process.memoryUsage().heapUsed
    let pieces = 1
    while (end.write('stdin', Buffer.from('x'))) pieces += 1
    collect()
    expect(pieces).toBeGreaterThan(1_000_000)
    // A piece of memory for each byte would be 140 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 1024 * 1024)
    end.destroy()
  })
})

describe('a SPDY API server', () => {
  it('that breaks the error stream off has not said that all is well', async () => {
    const { ear, peer } = await spdyServer(PLAN)
    ;(peer as SpdyPeer).reset('error')
    peer.connection.end()
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_BROKEN' })
    expect(ear.statuses).toEqual([])
  })
})

describe('a WebSocket client', () => {
  it('without a key is told so', async () => {
    const [ours, theirs] = pair()
    const serving = serveWebSocketCommand(
      {
        socket: ours,
        head: Buffer.alloc(0),
        header: (name) => (name === 'upgrade' ? 'websocket' : null),
        dialect: V5,
        plan: PLAN,
        limits,
      },
      new Ear(),
    )
    await expect(serving).rejects.toMatchObject({ code: 'STREAM_MALFORMED' })
    const got: Buffer[] = []
    for await (const chunk of theirs) got.push(chunk as Buffer)
    expect(Buffer.concat(got).toString()).toMatch(/^HTTP\/1\.1 400 /)
  })

  it.each(['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'])(
    'of %s may send words as text, as the client for Python does, and nothing at all',
    async (protocol) => {
      const { ear, peer } = await webSocketClient(protocol, TERMINAL)
      const { socket } = peer as WebSocketPeer
      socket.send('')
      socket.send('\u0000echo ä\n')
      socket.send('\u0004{"Width":80,"Height":24}')
      socket.send(Buffer.alloc(0))
      socket.send(Buffer.from([0, 0xff]))
      await expect.poll(() => ear.heard.stdin?.toString('hex')).toBe('6563686f20c3a40aff')
      expect(ear.sizes).toEqual([{ width: 80, height: 24 }])
    },
  )

  it('that names no subprotocol is given none, and speaks as the first clients did', async () => {
    const { ear, peer } = await webSocketClient(null, PLAN)
    expect((peer as WebSocketPeer).socket.protocol).toBe('')
    peer.send('stdin', Buffer.from('ls'))
    await expect.poll(() => ear.text('stdin')).toBe('ls')
  })

  it('may send a whole file in one message', async () => {
    const { ear, peer } = await webSocketClient('v4.channel.k8s.io', PLAN)
    const file = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 31) & 255))
    peer.send('stdin', file)
    await expect.poll(() => ear.heard.stdin?.equals(file)).toBe(true)
  })

  it('whose text is to be kept until it is whole may not send a whole file in it', async () => {
    const { ear, peer } = await webSocketClient('v4.base64.channel.k8s.io', PLAN)
    ;(peer as WebSocketPeer).socket.send('')
    peer.send('stdin', Buffer.alloc(limits.maxTextBytes))
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
  })

  it('ends its input once, however often it says so, and nothing comes behind that', async () => {
    const { ear, peer } = await webSocketClient('v5.channel.k8s.io', PLAN)
    for (let times = 0; times < 3; times += 1) peer.close('stdin')
    peer.send('stdin', Buffer.from('more'))
    peer.send('resize', Buffer.from('{"Width":80,"Height":24}'))
    await expect.poll(() => ear.sizes).toHaveLength(1)
    expect(ear.ended).toEqual(['stdin'])
    expect(ear.calls).toBe(0)
  })

  it('cannot speak for the command', async () => {
    const { ear, peer } = await webSocketClient('v5.channel.k8s.io', PLAN)
    peer.send('error', Buffer.from(SUCCESS))
    expect(await ear.over.promise).toMatchObject({ code: 'STREAM_MALFORMED' })
  })
})

describe('dialects', () => {
  it.each([
    [['v4.channel.k8s.io', 'v5.channel.k8s.io'], 'v5.channel.k8s.io'],
    [['base64.channel.k8s.io', 'x'], 'base64.channel.k8s.io'],
    [[], 'channel.k8s.io'],
    [['x'], undefined],
  ])('%j: %s', (offered, protocol) => {
    expect(chooseDialect(offered)?.protocol).toBe(protocol)
  })

  it('read what they wrote, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...WEB_SOCKETS),
        fc.constantFrom('stdin' as const, 'stdout' as const, 'error' as const),
        fc.uint8Array({ maxLength: 100 }),
        (protocol, channel, bytes) => {
          const dialect = chooseDialect([protocol])
          if (dialect === null) throw new Error('no dialect')
          const message = messageOf(dialect, channel, Buffer.from(bytes))
          const isText = typeof message === 'string'
          expect(readMessage(dialect, Buffer.from(message), !isText)).toEqual({
            kind: 'data',
            channel,
            data: Buffer.from(bytes),
          })
          expect(readMessage(dialect, Buffer.from(message), isText)).toBe(null)
        },
      ),
    )
  })

  it.each(['', '9aGk=', 'x', '1a', '1aGk', '1a!==', '1 aGk='].map((text) => [text]))(
    'of base64 do not take %j',
    (text) => {
      const dialect = chooseDialect(['base64.channel.k8s.io'])
      if (dialect === null) throw new Error('no dialect')
      expect(readMessage(dialect, Buffer.from(text), false)).toBe(null)
    },
  )
})

/** What tests say of the wire is what the protocol's own codec says. */
it('channels are numbered as Kubernetes does', () => {
  expect(formatChannelMessage('error', Buffer.from('x'))[0]).toBe(3)
  expect(parseChannelMessage(Buffer.from([255, 0]), 'v5.channel.k8s.io')).toEqual({
    kind: 'close',
    channel: 'stdin',
  })
})
