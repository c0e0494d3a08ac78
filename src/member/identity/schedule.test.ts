import { expect, it } from 'vitest'
import { RETRY_LAST_MS } from '../limits.ts'
import { renewAtMs, retryDelayMs } from './schedule.ts'

it.each([
  [0, 450],
  [0.5, 500],
  [1, 550],
])('is renewed about half of its life after its beginning (%d)', (random, expected) => {
  expect(renewAtMs({ issuedAtMs: 1000, expiresAtMs: 2000 }, random)).toBe(1000 + expected)
})

it('waits for longer after each failure, never more than the most, never all at one moment', () => {
  const waits = Array.from({ length: 40 }, (_, index) => retryDelayMs(index + 1, 1))
  expect(waits.slice(0, 4)).toEqual([1000, 2000, 4000, 8000])
  expect(waits.at(-1)).toBe(RETRY_LAST_MS)
  for (const failures of [1, 5, 40]) {
    expect(retryDelayMs(failures, 0)).toBe(retryDelayMs(failures, 1) / 2)
  }
})
