import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamKeeper } from './stream-keeper.ts'

describe('a stream that is kept up to a limit', () => {
  it('is its first bytes, and the number and hash of the others, however they come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 50 })),
        fc.nat({ max: 600 }),
        (chunks, limit) => {
          const keeper = new StreamKeeper(limit)
          const kept = Buffer.concat(chunks.map((chunk) => keeper.push(Buffer.from(chunk))))
          const whole = Buffer.concat(chunks)
          const rest = whole.subarray(limit)
          expect(kept).toEqual(whole.subarray(0, limit))
          expect(keeper.omitted()).toEqual(
            rest.length === 0
              ? null
              : { bytes: rest.length, sha256: createHash('sha256').update(rest).digest('hex') },
          )
        },
      ),
    )
  })

  it('without a limit is kept whole', () => {
    const keeper = new StreamKeeper(Number.POSITIVE_INFINITY)
    expect(keeper.push(Buffer.alloc(100))).toHaveLength(100)
    expect(keeper.omitted()).toBe(null)
  })
})
