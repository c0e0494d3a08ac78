/** Where time comes from. Pure rooms take the milliseconds as an argument; the rim takes a Clock. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

/** Whether so long has not passed since then. A clock that was set back makes no wait longer. */
export const isWithin = (lastsMs: number, sinceMs: number, nowMs: number): boolean =>
  nowMs >= sinceMs && nowMs - sinceMs < lastsMs

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() }
