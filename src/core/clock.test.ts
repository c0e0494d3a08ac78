import { describe, expect, it } from 'vitest'
import { isWithin } from './clock.ts'

describe('isWithin()', () => {
  it.each([
    [1000, true],
    [1099, true],
    [1100, false],
    // A clock that was set back.
    [999, false],
    [Number.NEGATIVE_INFINITY, false],
    [Number.NaN, false],
  ])('says of a tenth of a second since 1000, when it is %s: %s', (nowMs, within) => {
    expect(isWithin(100, 1000, nowMs)).toBe(within)
  })

  it('says of what never was that it is over', () => {
    expect(isWithin(100, Number.NEGATIVE_INFINITY, 1000)).toBe(false)
  })
})
