/**
 * Upper bounds of the buckets in milliseconds, about six to a decade: a quantile that is read from them is off by less
 * than a third, and a snapshot stays small. The clock has no finer steps than the first.
 */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000,
  7000, 10_000, 15_000, 20_000, 30_000, 60_000,
]

/** Counts of durations by bucket; the last one has no upper bound. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(LATENCY_BOUNDS_MS.length + 1)

  observe(durationMs: number): void {
    let bucket = 0
    while (bucket < LATENCY_BOUNDS_MS.length && durationMs > (LATENCY_BOUNDS_MS[bucket] ?? 0)) {
      bucket += 1
    }
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  counts(): number[] {
    return [...this.#counts]
  }
}
