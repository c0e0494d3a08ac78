import { RecorderError } from '../errors.ts'

/** How much lies in the spool, of which session, and whether more may. */
export class SpoolAccount {
  readonly #limit: number
  readonly #of = new Map<string, number>()
  #used = 0

  constructor(limitBytes: number) {
    this.#limit = limitBytes
  }

  get used(): number {
    return this.#used
  }

  /** Throws RecorderError RECORDER_FULL. */
  take(id: string, bytes: number): void {
    if (this.#used + bytes > this.#limit) {
      throw new RecorderError(
        'RECORDER_FULL',
        `recordings that wait for the auth service fill the spool (${this.#used} bytes)`,
      )
    }
    this.add(id, bytes)
  }

  /** The same whatever the limit: what takes the place of something else, or is there already; negative to give back. */
  add(id: string, bytes: number): void {
    this.#of.set(id, (this.#of.get(id) ?? 0) + bytes)
    this.#used += bytes
  }

  /** All that lies there of a session. */
  set(id: string, bytes: number): void {
    this.add(id, bytes - (this.#of.get(id) ?? 0))
  }

  /** Nothing lies there of a session any more. */
  drop(id: string): void {
    this.set(id, 0)
    this.#of.delete(id)
  }
}
