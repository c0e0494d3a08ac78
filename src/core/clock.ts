/** Where time comes from. Pure rooms take the milliseconds as an argument; the rim takes a Clock. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() }
