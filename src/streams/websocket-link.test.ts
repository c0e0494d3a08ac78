import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { connectedPair } from '../../test/support/connected-pair.ts'
import { encodeFrame } from '../protocol/index.ts'
import { acceptWebSocket } from './accept-websocket.ts'
import { defaultStreamLimits } from './limits.ts'
import { WebSocketLink } from './websocket-link.ts'

const limits = { ...defaultStreamLimits, lingerMs: 200, maxMessageBytes: 1024 * 1024 }
const EMPTY = Buffer.alloc(0)

const connections: Duplex[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy()
})

function pair(): [Duplex, Duplex] {
  const both = connectedPair()
  connections.push(...both)
  return both
}

/** Hears everything of a link of ours. */
class Ears {
  readonly messages: Buffer[] = []
  readonly texts: string[] = []
  readonly over = Promise.withResolvers<[number, Error | null]>()
  drains = 0
  pieces = 0
  onPiece = (): void => {}
  #message: Buffer[] = []

  piece(data: Buffer, isFirst: boolean, isLast: boolean): void {
    this.pieces += 1
    expect(isFirst).toBe(this.#message.length === 0)
    this.#message.push(Buffer.from(data))
    if (isLast) this.messages.push(Buffer.concat(this.#message.splice(0)))
    this.onPiece()
  }
  text(message: Buffer): void {
    this.texts.push(message.toString('utf8'))
  }
  drain(): void {
    this.drains += 1
  }
  closed(code: number, error: Error | null): void {
    this.over.resolve([code, error])
  }
}

interface Meeting {
  readonly link: WebSocketLink
  readonly ears: Ears
  /** The library's. */
  readonly peer: WebSocket
  readonly theirs: Duplex
}

const headerOf =
  (request: IncomingMessage) =>
  (name: string): string | null => {
    const value = request.headers[name]
    return typeof value === 'string' ? value : null
  }

/** A client of the library's, before a link of ours. */
async function libraryClient(): Promise<Meeting> {
  const [ours, theirs] = pair()
  const server = createServer()
  const ears = new Ears()
  const link = new Promise<WebSocketLink>((resolve) => {
    server.on('upgrade', (request, socket, head) => {
      const accepted = acceptWebSocket(
        { socket, header: headerOf(request), protocol: null },
        limits,
      )
      accepted.start(head, ears)
      resolve(accepted)
    })
  })
  server.emit('connection', ours)
  const peer = new WebSocket('ws://k/', {
    createConnection: () => theirs,
    perMessageDeflate: false,
  })
  peer.on('error', () => {})
  await once(peer, 'open')
  return { link: await link, ears, peer, theirs }
}

/** A server of the library's, before a link of ours. */
async function libraryServer(): Promise<Meeting> {
  const [ours, theirs] = pair()
  const server = createServer()
  const peer = new Promise<WebSocket>((resolve) => {
    server.on('upgrade', (request, socket, head) => {
      new WebSocketServer({ noServer: true }).handleUpgrade(request, socket, head, resolve)
    })
  })
  server.emit('connection', theirs)
  ours.write(
    'GET / HTTP/1.1\r\nHost: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  const [answer] = (await once(ours, 'data')) as [Buffer]
  ours.pause()
  const link = new WebSocketLink('client', ours, limits)
  const ears = new Ears()
  link.start(answer.subarray(answer.indexOf('\r\n\r\n') + 4), ears)
  link.resume()
  const library = await peer
  library.on('error', () => {})
  return { link, ears, peer: library, theirs }
}

const bytesOf = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255))

describe.each([
  ['a client of the library', libraryClient],
  ['a server of the library', libraryServer],
])('%s', (_name, meet) => {
  it('is heard and told, in messages of every length', async () => {
    const { link, ears, peer } = await meet()
    const got: Buffer[] = []
    peer.on('message', (message: Buffer) => got.push(message))
    const sent = [0, 1, 125, 126, 4095, 4096, 60_000, 65_535, 65_536].map(bytesOf)
    for (const message of sent) {
      link.send(EMPTY, message)
      peer.send(message)
    }
    await expect.poll(() => got.length).toBe(sent.length)
    await expect.poll(() => ears.messages.length).toBe(sent.length)
    for (const [at, message] of sent.entries()) {
      expect(got[at]?.equals(message)).toBe(true)
      expect(ears.messages[at]?.equals(message)).toBe(true)
    }
  })

  it('gets larger ones in several, each with what it begins with', async () => {
    const { link, peer } = await meet()
    const got: Buffer[] = []
    peer.on('message', (message: Buffer) => got.push(message))
    const bytes = bytesOf(150_000)
    link.send(Buffer.from([7]), bytes)
    const all = (): Buffer => Buffer.concat(got.map((message) => message.subarray(1)))
    await expect.poll(() => all().length).toBe(bytes.length)
    expect(all().equals(bytes)).toBe(true)
    expect(got.every(([first]) => first === 7)).toBe(true)
  })

  it('may change what it sent', async () => {
    const { link, peer } = await meet()
    const got: Buffer[] = []
    peer.on('message', (message: Buffer) => got.push(message))
    const bytes = Buffer.alloc(20_000, 1)
    link.send(EMPTY, bytes)
    bytes.fill(2)
    link.send(EMPTY, bytes)
    bytes.fill(3)
    await expect.poll(() => got.length).toBe(2)
    expect(got.map((message) => [...new Set(message)])).toEqual([[1], [2]])
  })

  it('is heard in frames that are cut, with others between them', async () => {
    const { ears, peer } = await meet()
    peer.send('be', { fin: false, binary: true })
    peer.ping('x')
    peer.send('gin', { fin: true, binary: true })
    peer.send('té', { fin: false })
    peer.send('xt', { fin: true })
    await expect.poll(() => ears.texts).toEqual(['téxt'])
    expect(ears.messages.map(String)).toEqual(['begin'])
  })

  it('gets its pings back', async () => {
    const { peer } = await meet()
    peer.ping('are you there')
    const [words] = (await once(peer, 'pong')) as [Buffer]
    expect(words.toString()).toBe('are you there')
  })

  it('says goodbye, and hears it', async () => {
    const { ears, peer } = await meet()
    peer.close(4001, 'done')
    expect((await once(peer, 'close'))[0]).toBe(4001)
    expect(await ears.over.promise).toEqual([4001, null])
  })

  it('is told goodbye behind everything else', async () => {
    const { link, ears, peer } = await meet()
    const got: number[] = []
    peer.on('message', (message: Buffer) => got.push(message.length))
    link.send(EMPTY, bytesOf(30_000))
    link.close(1000, 'done')
    link.send(EMPTY, bytesOf(10))
    const [code, reason] = (await once(peer, 'close')) as [number, Buffer]
    expect([code, reason.toString(), got]).toEqual([1000, 'done', [30_000]])
    expect(await ears.over.promise).toEqual([1000, null])
  })

  it('vanishes', async () => {
    const { link, ears, peer } = await meet()
    peer.terminate()
    expect((await ears.over.promise)[0]).toBe(1006)
    expect(link.isOpen).toBe(false)
    expect(link.send(EMPTY, bytesOf(10))).toBe(true)
  })

  it('waits and is waited for', async () => {
    const { link, ears, peer, theirs } = await meet()
    theirs.pause()
    let sent = 0
    while (sent < 400 && link.send(EMPTY, Buffer.alloc(32 * 1024, 3))) sent += 1
    expect(sent).toBeLessThan(100)
    theirs.resume()
    await expect.poll(() => ears.drains).toBeGreaterThan(0)
    ears.onPiece = () => link.pause()
    for (let said = 0; said < 40; said += 1) peer.send(Buffer.alloc(32 * 1024, 5))
    await expect.poll(() => ears.pieces).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ears.messages.length).toBeLessThan(20)
    ears.onPiece = () => {}
    link.resume()
    await expect.poll(() => ears.messages.length).toBe(40)
  })

  it.each([
    ['a frame that is none', Buffer.from([0xff, 0]), 1002],
    ['text that is no UTF-8', null, 1007],
  ])('that sends %s is sent away', async (_what, bytes, code) => {
    const { ears, peer, theirs } = await meet()
    const closed = once(peer, 'close')
    if (bytes === null) peer.send(Buffer.from([0xff, 0xfe]), { binary: false })
    else theirs.write(bytes)
    const [lost, error] = await ears.over.promise
    expect(lost).toBe(1006)
    expect(error).toMatchObject({ code: 'STREAM_MALFORMED' })
    expect((await closed)[0]).toBe(code)
  })

  it('that sends more in a message than is taken is sent away', async () => {
    const { ears, peer } = await meet()
    const closed = once(peer, 'close')
    peer.send(Buffer.alloc(limits.maxMessageBytes + 1))
    expect(await ears.over.promise).toMatchObject([1006, { code: 'STREAM_MALFORMED' }])
    expect((await closed)[0]).toBe(1009)
  })
})

describe('a link', () => {
  it('hears no more of who does not read its answers', async () => {
    const [ours, theirs] = pair()
    const link = new WebSocketLink('server', ours, limits)
    link.start(EMPTY, new Ears())
    const ping = encodeFrame('ping', Buffer.alloc(100), Buffer.alloc(4))
    let written = 0
    while (written < 4 * 1024 * 1024 && theirs.write(ping)) {
      written += ping.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(written).toBeLessThan(4 * 1024 * 1024)
  })

  it('answers the last of pings that come together', async () => {
    const { peer, theirs } = await libraryClient()
    const pongs: string[] = []
    peer.on('pong', (data: Buffer) => pongs.push(data.toString()))
    const key = Buffer.alloc(4, 7)
    const pings = ['one', 'two', 'three'].map((text) => encodeFrame('ping', Buffer.from(text), key))
    theirs.write(Buffer.concat(pings))
    await expect.poll(() => pongs.at(-1)).toBe('three')
    expect(pongs).toEqual(['three'])
  })

  it('masks with other keys each time', async () => {
    const [ours, theirs] = pair()
    const link = new WebSocketLink('client', ours, limits)
    link.start(EMPTY, new Ears())
    const got: Buffer[] = []
    theirs.on('data', (chunk: Buffer) => got.push(chunk))
    for (let sent = 0; sent < 5000; sent += 1) link.send(EMPTY, Buffer.from('x'))
    await expect.poll(() => Buffer.concat(got).length).toBe(5000 * 7)
    const all = Buffer.concat(got)
    const keys = Array.from({ length: 5000 }, (_, at) =>
      all.toString('hex', at * 7 + 2, at * 7 + 6),
    )
    expect(new Set(keys).size).toBeGreaterThan(4990)
  })
})
