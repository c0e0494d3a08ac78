import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_CLIENT_HELLO_BYTES } from '../../protocol/index.ts'
import { canBind, type DialBackFrame, FrameReader, formatFrame } from './frames.ts'

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((raw) => Buffer.from(raw))
const id = bytes(16).map((raw) => raw.toString('hex'))
const frame: fc.Arbitrary<DialBackFrame> = fc.oneof(
  fc.record({
    type: fc.constant('order' as const),
    ticket: fc.record({ id, secret: bytes(32) }),
  }),
  fc.record({ type: fc.constant('failed' as const), id }),
  fc.record({
    type: fc.constant('bind' as const),
    id,
    binding: fc.record({
      serverName: fc.stringMatching(/^[a-z0-9.-]{1,253}$/),
      origin: fc.record({
        address: fc.constantFrom('203.0.113.7', '::1', '2001:db8::ffff'),
        port: fc.nat(65_535),
      }),
      hello: fc.uint8Array({ maxLength: 3000 }).map((raw) => Buffer.from(raw)),
    }),
  }),
)

describe('what is said about dial-backs', () => {
  it('is read as it was written, whatever the split of the bytes', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat(4000), { maxLength: 12 }),
        (frames, cuts) => {
          const all = Buffer.concat(frames.map(formatFrame))
          const at = [...new Set(cuts.filter((cut) => cut < all.length))].toSorted((a, b) => a - b)
          const reader = new FrameReader()
          const pieces = [0, ...at].map((from, index) => all.subarray(from, at[index]))
          expect(pieces.flatMap((piece) => reader.push(piece))).toEqual(frames)
        },
      ),
      { numRuns: 200 },
    )
  })

  it.each([
    ['an unknown type', [9, 0, 0, 0]],
    ['a length beyond any frame, at its head', [2, 255, 255, 255]],
    ['a ticket of another length', [1, 0, 0, 3, 1, 2, 3]],
    ['a failed order without an id', [3, 0, 0, 0]],
    ['a binding that is cut short', [2, 0, 0, 17, ...Array<number>(16).fill(1), 200]],
    ['a binding of nobody', [2, 0, 0, 18, ...Array<number>(16).fill(1), 0, 0]],
  ])('refuses %s', (_what, raw) => {
    expect(() => new FrameReader().push(Buffer.from(raw))).toThrow(
      expect.objectContaining({ code: 'TUNNEL_DIAL_BACK_INVALID' }),
    )
  })

  it('never throws anything else, and keeps no more than a frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const reader = new FrameReader()
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk))
        } catch (error) {
          expect(error).toMatchObject({ code: 'TUNNEL_DIAL_BACK_INVALID' })
        }
      }),
    )
  })

  it('holds a ClientHello, and not what may have come behind it', () => {
    const origin = { address: '203.0.113.7', port: 1 }
    const of = (length: number): boolean =>
      canBind({ serverName: 'west', origin, hello: Buffer.alloc(length) })
    expect([of(MAX_CLIENT_HELLO_BYTES), of(MAX_CLIENT_HELLO_BYTES + 1)]).toEqual([true, false])
  })
})
