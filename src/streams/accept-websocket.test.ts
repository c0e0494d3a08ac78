import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
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

/** A client, and what is heard of it. */
function accepted(limits = defaultStreamLimits) {
  const [client, socket] = duplexPair()
  connections.push(client, socket)
  client.resume()
  const header = (name: string): string | null => HEADERS[name] ?? null
  const link = acceptWebSocket({ socket, header, protocol: null }, limits)
  const heard = { bytes: 0, messages: 0, texts: [] as string[] }
  const over = Promise.withResolvers<Error | null>()
  link.start(Buffer.alloc(0), {
    piece: (data, _isFirst, isLast) => {
      heard.bytes += data.length
      if (isLast) heard.messages += 1
    },
    text: (message) => heard.texts.push(message.toString()),
    drain: () => {},
    closed: (_code, error) => over.resolve(error),
  })
  return { client, heard, over: over.promise }
}

/** RFC 6455, 5.2: the beginning of a frame of a client, without a mask that changes anything. */
function frameHead(first: number, length: number): Buffer {
  const head = Buffer.alloc(14)
  head.writeUInt8(first, 0)
  head.writeUInt8(0x80 | 127, 1)
  head.writeUInt32BE(length, 6)
  return head
}

const TEXT = 0x01
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
    const { client, heard } = accepted()
    // The smallest records of TLS that programs make by themselves.
    const pieces = Array.from({ length: 750 }, () => Buffer.alloc(1398, 'x'))
    await give(client, [frameHead(0x80 | BINARY, 750 * 1398), ...pieces])
    await expect.poll(() => heard).toEqual({ bytes: 750 * 1398, messages: 1, texts: [] })
  })

  it('takes a text in pieces of one byte', async () => {
    const { client, heard } = accepted()
    const bytes = Array.from({ length: 3000 }, () => Buffer.from('x'))
    await give(client, [frameHead(0x80 | TEXT, 3000), ...bytes])
    await expect.poll(() => heard.texts).toEqual(['x'.repeat(3000)])
  })

  it('ends for who sends a message in fragments of one byte', async () => {
    const { client, over } = accepted({ ...defaultStreamLimits, maxMessageFragments: 100 })
    const fragment = (kind: number): Buffer => Buffer.concat([frameHead(kind, 1), Buffer.from('x')])
    await give(client, [fragment(BINARY), ...Array.from({ length: 200 }, () => fragment(MORE))])
    expect(await over).toMatchObject({ code: 'STREAM_MALFORMED' })
  })
})
