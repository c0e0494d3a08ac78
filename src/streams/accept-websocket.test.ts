import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { acceptWebSocket } from './accept-websocket.ts'
import { defaultStreamLimits } from './limits.ts'

const connections: Duplex[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.destroy()
})

const HEADERS: Readonly<Record<string, string>> = {
  upgrade: 'websocket',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-version': '13',
}

async function accepted(limits = defaultStreamLimits): Promise<[Duplex, WebSocket]> {
  const [client, socket] = duplexPair()
  connections.push(client, socket)
  client.resume()
  const asked = { socket, head: Buffer.alloc(0), protocol: null }
  return [
    client,
    await acceptWebSocket({ ...asked, header: (name) => HEADERS[name] ?? null }, limits),
  ]
}

/** RFC 6455, 5.2: the beginning of a frame of a client, without a mask that changes anything. */
function frameHead(first: number, length: number): Buffer {
  const head = Buffer.alloc(14)
  head.writeUInt8(first, 0)
  head.writeUInt8(0x80 | 127, 1)
  head.writeUInt32BE(length, 6)
  return head
}

const BINARY = 0x02
const MORE = 0x00

/** Gives a connection one piece after the other, each as one that was read. */
async function give(client: Duplex, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    client.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('a WebSocket of a client', () => {
  it('takes a message in as many pieces as a network makes of it', async () => {
    const [client, server] = await accepted()
    const message = once(server, 'message')
    // The smallest records of TLS that programs make by themselves.
    const pieces = Array.from({ length: 750 }, () => Buffer.alloc(1398, 'x'))
    await give(client, [frameHead(0x80 | BINARY, 750 * 1398), ...pieces])
    const [data] = (await message) as [Buffer]
    expect(data).toHaveLength(750 * 1398)
  })

  it('ends for who sends a message in pieces of one byte', async () => {
    const [client, server] = await accepted({ ...defaultStreamLimits, maxMessagePieces: 100 })
    const failure = once(server, 'error')
    await give(client, [
      frameHead(0x80 | BINARY, 100_000),
      ...Array.from({ length: 200 }, () => Buffer.from('x')),
    ])
    expect(await failure).toEqual([
      expect.objectContaining({ code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS' }),
    ])
  })

  it('ends for who sends a message in fragments of one byte', async () => {
    const [client, server] = await accepted({ ...defaultStreamLimits, maxMessageFragments: 100 })
    const failure = once(server, 'error')
    const fragment = (kind: number): Buffer => Buffer.concat([frameHead(kind, 1), Buffer.from('x')])
    await give(client, [fragment(BINARY), ...Array.from({ length: 200 }, () => fragment(MORE))])
    expect(await failure).toEqual([
      expect.objectContaining({ code: 'WS_ERR_TOO_MANY_BUFFERED_PARTS' }),
    ])
  })
})
