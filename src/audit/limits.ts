export interface SpoolLimits {
  /** A segment is closed at this size; small enough to be given back soon, large enough to be rare. */
  readonly segmentBytes: number
  /** What may lie on disk while the auth service is away: about a million requests. Then 503 (SPOOL_FULL). */
  readonly totalBytes: number
  /** Shipped but not yet stored events in memory; beyond this the shipper reads from the files. */
  readonly memoryEvents: number
  /** Events in one delivery. */
  readonly batchEvents: number
}

export const defaultSpoolLimits: SpoolLimits = {
  segmentBytes: 16 * 1024 * 1024,
  totalBytes: 1024 * 1024 * 1024,
  memoryEvents: 50_000,
  batchEvents: 1000,
}

/** One event. Whoever makes events cuts what a peer could make long. */
export const MAX_EVENT_BYTES = 1024 * 1024

/** After a delivery that was not full: so long are events gathered for the next, so that a busy service delivers many at once. */
export const SHIP_GATHER_MS = 100

/** How often the place that delivery has reached is noted on disk; after a crash, what is not noted is delivered again. */
export const CURSOR_EVERY_MS = 1000

/** The wait after a failed delivery doubles from the first to the last, with jitter. */
export const SHIP_RETRY_FIRST_MS = 100
export const SHIP_RETRY_LAST_MS = 10_000
