import { describe, expect, it } from 'vitest'
import { LATENCY_BOUNDS_MS, LatencyHistogram } from './latency.ts'

describe('LatencyHistogram', () => {
  it('has bounds that grow', () => {
    expect([...LATENCY_BOUNDS_MS].sort((a, b) => a - b)).toEqual(LATENCY_BOUNDS_MS)
    expect(new Set(LATENCY_BOUNDS_MS).size).toBe(LATENCY_BOUNDS_MS.length)
  })

  it.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [4, 3],
    [60_000, LATENCY_BOUNDS_MS.length - 1],
    [60_001, LATENCY_BOUNDS_MS.length],
    [Number.MAX_SAFE_INTEGER, LATENCY_BOUNDS_MS.length],
    // A clock that was set back.
    [-5, 0],
  ])('puts %d ms into bucket %d', (durationMs, bucket) => {
    const histogram = new LatencyHistogram()
    histogram.observe(durationMs)
    const expected = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0)
    expected[bucket] = 1
    expect(histogram.counts()).toEqual(expected)
  })
})
