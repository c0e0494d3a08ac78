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

  it('keeps more when it is refilled, a piece worth reading at a time, and never more than its limit at once', () => {
    const keeper = new StreamKeeper(100_000)
    const push = (bytes: number): number => keeper.push(Buffer.alloc(bytes)).length
    expect([push(100_000), keeper.keeps, push(1), keeper.keeps]).toEqual([100_000, true, 0, false])
    keeper.refill(65_535)
    expect([push(1), keeper.keeps]).toEqual([0, false])
    keeper.refill(1)
    expect([keeper.keeps, push(70_000), push(1)]).toEqual([true, 65_536, 0])
    keeper.refill(1_000_000)
    expect(push(200_000)).toBe(100_000)
    expect(keeper.omitted()?.bytes).toBe(1 + 1 + 4464 + 1 + 100_000)
  })

  it('keeps nothing where nothing is to be kept, refilled or not', () => {
    const keeper = new StreamKeeper(0)
    keeper.push(Buffer.from('a'))
    keeper.refill(1_000_000)
    expect(keeper.keeps).toBe(false)
    expect(keeper.push(Buffer.from('b'))).toHaveLength(0)
  })
})
