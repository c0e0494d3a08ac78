import { RecorderError } from '../errors.ts'

/** How much lies in the spool, of which session, and whether more may. */
export class SpoolAccount {
  readonly #limit: number
  readonly #sessionLimit: number
  readonly #of = new Map<string, number>()
  #used = 0

  constructor(limits: { readonly spoolBytes: number; readonly sessionBytes: number }) {
    this.#limit = limits.spoolBytes
    this.#sessionLimit = limits.sessionBytes
  }

  get used(): number {
    return this.#used
  }

  /** Throws RecorderError RECORDER_SHARE_FULL when the session has its share, RECORDER_FULL when the spool is full. */
  take(id: string, bytes: number): void {
    const taken = this.of(id)
    if (taken + bytes > this.#sessionLimit) {
      throw new RecorderError(
        'RECORDER_SHARE_FULL',
        `what waits for the auth service of this one session is all that the spool has for a session (${taken} bytes)`,
      )
    }
    if (this.#used + bytes > this.#limit) {
      throw new RecorderError(
        'RECORDER_FULL',
        `recordings that wait for the auth service fill the spool (${this.#used} bytes)`,
      )
    }
    this.add(id, bytes)
  }

  /** What lies there of a session. */
  of(id: string): number {
    return this.#of.get(id) ?? 0
  }

  /** The same whatever the limit: what takes the place of something else, or is there already; negative to give back. */
  add(id: string, bytes: number): void {
    this.#of.set(id, this.of(id) + bytes)
    this.#used += bytes
  }

  /** All that lies there of a session. */
  set(id: string, bytes: number): void {
    this.add(id, bytes - this.of(id))
  }

  /** Nothing lies there of a session any more. */
  drop(id: string): void {
    this.set(id, 0)
    this.#of.delete(id)
  }
}
