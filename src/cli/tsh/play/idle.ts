/**
 * Time of a session in which no pause is longer than a limit. It is asked for the frames one after the other, from the first;
 * null for none.
 */
export class IdleClock {
  readonly #limitMs: number | null
  #lastMs = 0
  #skippedMs = 0

  constructor(limitMs: number | null) {
    this.#limitMs = limitMs
  }

  /** When a frame is due, in milliseconds from the beginning. */
  due(atMs: number): number {
    const pause = atMs - this.#lastMs
    if (this.#limitMs !== null && pause > this.#limitMs) this.#skippedMs += pause - this.#limitMs
    this.#lastMs = atMs
    return atMs - this.#skippedMs
  }
}
