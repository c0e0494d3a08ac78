import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeptBytes } from './kept-bytes.ts'

const MIB = 1024 * 1024

/** How many pieces are kept of a mebibyte that comes in such pieces, over and over. */
function piecesOf(...sizes: readonly number[]): number {
  const kept = new KeptBytes()
  for (let turn = 0; kept.length < MIB; turn += 1) {
    kept.push(Buffer.alloc(sizes[turn % sizes.length] ?? 1))
  }
  return kept.pieces
}

describe('bytes that wait for the rest of their frame', () => {
  it('are the same, in whichever pieces they come, and what came is left as it is', () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 5 }),
      fc
        .tuple(fc.integer({ min: 1000, max: 20_000 }), fc.nat(255))
        .map(([length, fill]) => new Uint8Array(length).fill(fill)),
    )
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), fc.nat(30), (chunks, at) => {
        const kept = new KeptBytes()
        const pushed = chunks.map((bytes) => Buffer.from(bytes))
        for (const [index, bytes] of pushed.entries()) {
          kept.push(bytes)
          if (index !== at) continue
          const before = Buffer.concat(pushed.slice(0, index + 1))
          expect(kept.joined().equals(before)).toBe(true)
        }
        expect(kept.length).toBe(Buffer.concat(chunks).length)
        if (chunks.length > 0) expect(kept.joined().equals(Buffer.concat(chunks))).toBe(true)
        for (const [index, bytes] of pushed.entries()) {
          expect(bytes.equals(chunks[index] ?? new Uint8Array())).toBe(true)
        }
      }),
    )
  })

  it.each([[[1]], [[7, 1]], [[4095]], [[4095, 2, 12_000]], [[1, 16_384]]])(
    'are few pieces of memory when a mebibyte comes in pieces of %j',
    (sizes) => {
      expect(piecesOf(...sizes)).toBeLessThanOrEqual(130)
    },
  )

  it('are not copied when they are large', () => {
    const kept = new KeptBytes()
    const large = Buffer.alloc(32 * 1024)
    kept.push(large)
    expect(kept.joined()).toBe(large)
    kept.reset(large.subarray(8))
    expect(kept.joined().buffer).toBe(large.buffer)
  })
})
