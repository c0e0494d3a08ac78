import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  acceptOf,
  askedKey,
  closeContent,
  encodeFrame,
  frameHeadBytes,
  sealFrame,
  switchedToWebSocket,
  WebSocketDecoder,
  type WebSocketEvent,
} from './index.ts'
import { mask } from './mask.ts'

const LIMITS = { maxMessageBytes: 200_000, maxMessageFragments: 8 }
const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Messages of the pieces, and control frames, as far as they came. */
function heard(events: readonly WebSocketEvent[]): unknown[] {
  const told: unknown[] = []
  let pieces: Buffer[] = []
  for (const event of events) {
    if (event.kind === 'close') told.push(['close', event.code, event.reason])
    else if (event.kind !== 'piece') told.push([event.kind, event.data.toString('hex')])
    else {
      expect(event.isFirst).toBe(pieces.length === 0)
      pieces.push(Buffer.from(event.data))
      if (!event.isLast) continue
      told.push([event.isText ? 'text' : 'binary', Buffer.concat(pieces).toString('hex')])
      pieces = []
    }
  }
  return told
}

/** `cuts`: where the bytes are cut before they are given. */
function decode(
  from: 'client' | 'server',
  bytes: Buffer,
  cuts: readonly number[] = [],
  limits = LIMITS,
): WebSocketEvent[] {
  const decoder = new WebSocketDecoder(from, limits)
  const ends = [...cuts.filter((at) => at < bytes.length), bytes.length].sort((a, b) => a - b)
  let at = 0
  return ends.flatMap((end) => {
    const events = decoder.push(Buffer.from(bytes.subarray(at, end)))
    at = end
    return events
  })
}

describe('WebSocket frames', () => {
  it.each([
    ['an unmasked text', 'server', '81 05 48 65 6c 6c 6f', [['text', '48656c6c6f']]],
    ['a masked text', 'client', '81 85 37 fa 21 3d 7f 9f 4d 51 58', [['text', '48656c6c6f']]],
    ['a text in two frames', 'server', '01 03 48 65 6c 80 02 6c 6f', [['text', '48656c6c6f']]],
    ['a ping', 'server', '89 05 48 65 6c 6c 6f', [['ping', '48656c6c6f']]],
    ['its answer', 'client', '8a 85 37 fa 21 3d 7f 9f 4d 51 58', [['pong', '48656c6c6f']]],
    [
      'a ping amid a message',
      'server',
      '02 01 61 89 00 80 01 62',
      [
        ['ping', ''],
        ['binary', '6162'],
      ],
    ],
    ['an empty message', 'server', '82 00', [['binary', '']]],
    ['a message of empty frames', 'server', '02 00 00 00 80 00', [['binary', '']]],
    ['a close', 'server', '88 06 03 e8 67 6f 6e 65', [['close', 1000, 'gone']]],
    ['a close without a code', 'server', '88 00', [['close', null, '']]],
    ['nothing behind a close', 'server', '88 00 81 05 48', [['close', null, '']]],
  ] as const)('%s (RFC 6455, 5.7)', (_name, from, bytes, expected) => {
    expect(heard(decode(from, hex(bytes)))).toEqual(expected)
    const each = Array.from({ length: hex(bytes).length }, (_, at) => at)
    expect(heard(decode(from, hex(bytes), each))).toEqual(expected)
  })

  it.each([
    ['a reserved bit', 'server', 'c1 00', 1002],
    ['a reserved opcode', 'server', '83 00', 1002],
    ['a reserved control opcode', 'server', '8b 00', 1002],
    ['a ping that is cut', 'server', '09 00', 1002],
    ['a ping that is too long', 'server', '89 7e 00 7e', 1002],
    ['what goes on and never began', 'server', '80 01 61', 1002],
    ['a message in another one', 'server', '02 01 61 82 01 62', 1002],
    ['a client that does not mask', 'client', '81 01 61', 1002],
    ['a server that masks', 'server', '81 81 00 00 00 00 61', 1002],
    ['half a close code', 'server', '88 01 03', 1002],
    ['close code 1005', 'server', '88 02 03 ed', 1002],
    ['close code 1006', 'server', '88 02 03 ee', 1002],
    ['close code 999', 'server', '88 02 03 e7', 1002],
    ['close code 2000', 'server', '88 02 07 d0', 1002],
    ['a reason that is no UTF-8', 'server', '88 03 03 e8 ff', 1007],
    ['a message of 2^40 bytes', 'server', '82 7f 00 00 01 00 00 00 00 00', 1009],
    ['a message above the limit', 'server', '82 7f 00 00 00 00 00 03 0d 41', 1009],
  ] as const)('%s is refused', (_name, from, bytes, closeCode) => {
    for (const cuts of [[], [1], [1, 2, 3]]) {
      expect(() => decode(from, hex(bytes), cuts)).toThrow(expect.objectContaining({ closeCode }))
    }
  })

  it('of one message count together', () => {
    const frame = hex('02 02 61 62')
    const more = hex('00 02 63 64')
    const limits = { ...LIMITS, maxMessageBytes: 3 }
    expect(() => decode('server', Buffer.concat([frame, more]), [], limits)).toThrow(
      expect.objectContaining({ code: 'WEBSOCKET_TOO_LARGE' }),
    )
    // The next message has the limit for itself.
    expect(heard(decode('server', Buffer.concat([hex('82 02 61 62'), frame]), [], limits))).toEqual(
      [['binary', '6162']],
    )
  })

  it('of one message are not many', () => {
    const fragments = (count: number): Buffer =>
      Buffer.concat([
        hex('02 00'),
        ...Array.from({ length: count - 2 }, () => hex('00 00')),
        hex('80 00'),
      ])
    expect(heard(decode('server', Buffer.concat([fragments(8), fragments(8)])))).toHaveLength(2)
    expect(() => decode('server', fragments(9))).toThrow(
      expect.objectContaining({ code: 'WEBSOCKET_TOO_LARGE' }),
    )
  })

  it('come out as they went in, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            opcode: fc.constantFrom('text' as const, 'binary' as const, 'ping' as const),
            length: fc.oneof(fc.nat(200), fc.constantFrom(125, 126, 65_535, 65_536, 70_001)),
          }),
          { maxLength: 5 },
        ),
        fc.boolean(),
        fc.array(fc.nat(80_000), { maxLength: 6 }),
        (messages, isMasked, cuts) => {
          const wanted: unknown[] = []
          const frames = messages.map(({ opcode, length }, at) => {
            const most = opcode === 'ping' ? Math.min(length, 125) : length
            const content = Buffer.alloc(most, `abc${at}`)
            wanted.push([opcode, content.toString('hex')])
            return encodeFrame(opcode, content, isMasked ? KEY : null)
          })
          const from = isMasked ? 'client' : 'server'
          expect(heard(decode(from, Buffer.concat(frames), cuts))).toEqual(wanted)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are made around content that lies in its place', () => {
    const content = Buffer.from('content')
    const head = frameHeadBytes(content.length, true)
    const frame = Buffer.concat([Buffer.alloc(head), content])
    sealFrame(frame, 'text', KEY)
    expect(frame).toEqual(encodeFrame('text', content, KEY))
  })

  it('are masked byte by byte, however they lie in memory', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(7),
        fc.nat(9),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        (bytes, offset, done, key) => {
          const memory = new Uint8Array(offset + bytes.length + 3)
          memory.set(bytes, offset)
          mask(memory.subarray(offset, offset + bytes.length), key, done)
          const wanted = bytes.map((byte, at) => byte ^ (key[(done + at) & 3] ?? 0))
          expect(memory.subarray(offset, offset + bytes.length)).toEqual(wanted)
          expect(memory.subarray(offset + bytes.length)).toEqual(new Uint8Array(3))
          expect(memory.subarray(0, offset)).toEqual(new Uint8Array(offset))
        },
      ),
    )
  })

  it.each([
    ['short', 'gone', 'gone'],
    ['too long', 'x'.repeat(200), 'x'.repeat(123)],
    ['cut amid a character', 'é'.repeat(100), 'é'.repeat(61)],
    ['cut amid a pair', `${'x'.repeat(121)}😀`, 'x'.repeat(121)],
  ])('say why a connection ends: %s', (_name, reason, told) => {
    const frame = encodeFrame('close', closeContent(1003, reason), null)
    const events = heard(decode('server', frame))
    expect(events).toEqual([['close', 1003, expect.stringMatching(new RegExp(`^${told}`, 'u'))]])
  })
})

describe('the handshake', () => {
  const asked = (some: Record<string, string>) => (name: string) =>
    ({
      upgrade: 'WebSocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
      ...some,
    })[name] ?? null

  it('is that of RFC 6455, 1.3', () => {
    expect(askedKey(asked({}))).toEqual({ key: 'dGhlIHNhbXBsZSBub25jZQ==' })
    expect(acceptOf('dGhlIHNhbXBsZSBub25jZQ==')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    expect(switchedToWebSocket('dGhlIHNhbXBsZSBub25jZQ==', 'v5.channel.k8s.io')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n',
    )
    expect(switchedToWebSocket('dGhlIHNhbXBsZSBub25jZQ==', null)).not.toContain('Protocol:')
  })

  it.each([
    [{ upgrade: 'h2c' }],
    [{ 'sec-websocket-key': 'short' }],
    [{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==\r\nX: y' }],
    [{ 'sec-websocket-version': '8' }],
  ])('is none with %j', (some) => {
    expect(askedKey(asked(some as Record<string, string>))).toHaveProperty('problem')
  })
})
