import { expect, it } from 'vitest'
import { instant, remaining } from './time.ts'

const NOW = Date.parse('2026-11-25T12:00:00.123Z')
const HOUR = 3_600_000

it('an instant has one form', () => {
  expect(instant(NOW)).toBe('2026-11-25T12:00:00Z')
})

it.each([
  [0, 'in 0s'],
  [59_000, 'in 59s'],
  [61_000, 'in 1m'],
  [HOUR, 'in 1h'],
  [12 * HOUR - 60_000, 'in 11h 59m'],
  [24 * HOUR, 'in 1d'],
  [8760 * HOUR - HOUR, 'in 364d 23h'],
  [-3 * 60_000, '3m ago'],
])('%i ms from now is %s', (ms, text) => {
  expect(remaining(NOW + ms, NOW)).toBe(text)
})
