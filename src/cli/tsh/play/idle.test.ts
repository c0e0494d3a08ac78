import fc from 'fast-check'
import { expect, it } from 'vitest'
import { IdleClock } from './idle.ts'

it('makes long pauses as long as the limit, and leaves the others', () => {
  const clock = new IdleClock(1000)
  expect([500, 900, 10_900, 11_000, 99_999].map((at) => clock.due(at))).toEqual([
    500, 900, 1900, 2000, 3000,
  ])
})

it('without a limit time is what it was', () => {
  const clock = new IdleClock(null)
  expect([1, 1_000_000].map((at) => clock.due(at))).toEqual([1, 1_000_000])
})

it('never goes back, and no pause is longer than the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 10_000 }), (unsorted, limit) => {
      const clock = new IdleClock(limit)
      let before = 0
      for (const at of unsorted.sort((a, b) => a - b)) {
        const due = clock.due(at)
        expect(due - before).toBeGreaterThanOrEqual(0)
        expect(due - before).toBeLessThanOrEqual(limit)
        before = due
      }
    }),
  )
})
