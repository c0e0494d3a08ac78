import { describe, expect, it } from 'vitest'
import { clockDifferenceMs, clockWords } from './clock-difference.ts'

const NOW = Date.parse('2026-11-25T12:00:00Z')

describe('clockDifferenceMs()', () => {
  it.each([
    ['2026-11-25T12:00:00Z', null],
    ['2026-11-25T12:01:00Z', null],
    ['2026-11-25T11:59:00.000Z', null],
    ['2026-11-25T11:58:59Z', 61_000],
    ['2026-11-25T12:10:00Z', -600_000],
    ['noon', null],
    ['', null],
  ])('%s', (time, wanted) => {
    expect(clockDifferenceMs(time, NOW)).toBe(wanted)
  })
})

it.each([
  [61_000, "the clock of this machine is 1m1s ahead of the server's"],
  [-600_000, "the clock of this machine is 10m0s behind the server's"],
  [90_061_000, "the clock of this machine is 25h1m1s ahead of the server's"],
])('%i ms in words', (ms, words) => {
  expect(clockWords(ms)).toBe(words)
})
