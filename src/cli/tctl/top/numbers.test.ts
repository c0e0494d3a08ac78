import { describe, expect, it } from 'vitest'
import { bytesText, countText, latencyText, rateText, shareText, uptimeText } from './numbers.ts'

describe('numbers of tctl top', () => {
  it.each([
    [null, '-'],
    [0, '0'],
    [0.01, '<0.1'],
    [0.1, '0.1'],
    [9.94, '9.9'],
    [9.96, '10'],
    [128.4, '128'],
    [999.4, '999'],
    [999.6, '1.0k'],
    [12_345, '12.3k'],
    [999_949, '1.0M'],
    [4_000_000, '4.0M'],
  ])('rate %d is %s', (rate, text) => {
    expect(rateText(rate)).toBe(text)
  })

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1.0k'],
    [999_500, '1.0M'],
    [Number.MAX_SAFE_INTEGER, '9007T'],
  ])('count %d is %s', (count, text) => {
    expect(countText(count)).toBe(text)
  })

  it.each([
    [null, '-'],
    [0, '0B'],
    [999, '999B'],
    [1234, '1.2kB'],
    [142_000_000, '142MB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text)
  })

  it.each([
    [null, '-'],
    [0.4, '<1ms'],
    [1, '1ms'],
    [999.4, '999ms'],
    [999.6, '1.0s'],
    [9940, '9.9s'],
    [60_000, '60s'],
  ])('%d milliseconds are %s', (ms, text) => {
    expect(latencyText(ms)).toBe(text)
  })

  it.each([
    [null, '-'],
    [0, '0%'],
    [0.0001, '<0.1%'],
    [0.002, '0.2%'],
    [0.5, '50%'],
    [1.8, '180%'],
  ])('share %d is %s', (share, text) => {
    expect(shareText(share)).toBe(text)
  })

  it.each([
    [0, '0s'],
    [45_000, '45s'],
    [60_000, '1m'],
    [61_000, '1m 1s'],
    [3_600_000 * 3 + 60_000 * 12 + 5000, '3h 12m'],
    [86_400_000 * 400 + 3_600_000, '400d 1h'],
    [86_400_000 + 60_000, '1d'],
  ])('up for %d is %s', (ms, text) => {
    expect(uptimeText(ms)).toBe(text)
  })
})
