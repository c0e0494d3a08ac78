import { RecorderError } from '../errors.ts'

interface Taken {
  bytes: number
  /** Null: nobody has read yet whose it is. */
  person: string | null
}

/** A session that is held back. */
interface Waiter {
  readonly id: string
  readonly bytes: number
  /** What it hears when it is not held back any longer. */
  reason: RecorderError
  readonly settle: (
    outcome: { readonly taken: boolean } | { readonly reason: RecorderError },
  ) => void
}

/**
 * How much lies in the spool, of which session and of whom, and whether more may. Who finds no room may wait for it, as long as
 * something is delivered: each for itself, in the order in which they came.
 */
export class SpoolAccount {
  readonly #limits: SpoolShares
  readonly #waiting = new Set<Waiter>()
  #awaySinceMs: number | null = null
  #awayTimer: NodeJS.Timeout | null = null
  readonly #sessions = new Map<string, Taken>()
  readonly #persons = new Map<string, number>()
  #used = 0

  constructor(limits: SpoolShares) {
    this.#limits = limits
  }

  get used(): number {
    return this.#used
  }

  /** Throws RecorderError RECORDER_SHARE_FULL when the session or its person has their share, RECORDER_FULL when the spool is full. */
  take(id: string, bytes: number): void {
    const refusal = this.#refusal(id, bytes)
    if (refusal !== null) throw refusal
    this.add(id, bytes)
  }

  hasRoom(id: string, bytes: number): boolean {
    return this.#refusal(id, bytes) === null
  }

  /**
   * Takes room when there is some. Resolves to false, with nothing taken, when the signal says that nobody waits any more. Rejects as
   * `take` throws when nothing has been delivered for `awayMs`, or after `holdMs`.
   */
  async takeWhenRoom(id: string, bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    const reason = this.#refusal(id, bytes)
    if (reason !== null) {
      if (this.#isAway()) throw reason
      return this.#wait({ id, bytes, reason }, signal)
    }
    this.add(id, bytes)
    return true
  }

  /** Whether deliveries fail just now. */
  setAway(isAway: boolean): void {
    if (isAway === (this.#awaySinceMs !== null)) return
    if (this.#awayTimer !== null) clearTimeout(this.#awayTimer)
    this.#awayTimer = null
    this.#awaySinceMs = null
    if (!isAway) return
    this.#awaySinceMs = performance.now()
    this.#awayTimer = setTimeout(() => {
      for (const waiter of this.#waiting) waiter.settle(waiter)
    }, this.#limits.awayMs)
    this.#awayTimer.unref()
  }

  /** Says whose a session is; what lies there of it already counts as well. */
  belongs(id: string, person: string): void {
    const { bytes } = this.#sessions.get(id) ?? { bytes: 0 }
    this.#count(id, -bytes)
    this.#sessions.set(id, { bytes: 0, person })
    this.#count(id, bytes)
  }

  /** What lies there of a session. */
  of(id: string): number {
    return this.#sessions.get(id)?.bytes ?? 0
  }

  /** What lies there of all sessions of a person. */
  ofPerson(person: string): number {
    return this.#persons.get(person) ?? 0
  }

  /** The same whatever the limit: what takes the place of something else, or is there already; negative to give back. */
  add(id: string, bytes: number): void {
    this.#count(id, bytes)
    if (bytes < 0) this.#giveRoom()
  }

  #count(id: string, bytes: number): void {
    const taken = this.#sessions.get(id) ?? { bytes: 0, person: null }
    taken.bytes += bytes
    this.#sessions.set(id, taken)
    this.#used += bytes
    const { person } = taken
    if (person === null) return
    const sum = this.ofPerson(person) + bytes
    if (sum === 0) this.#persons.delete(person)
    else this.#persons.set(person, sum)
  }

  /** All that lies there of a session. */
  set(id: string, bytes: number): void {
    this.add(id, bytes - this.of(id))
  }

  /** Nothing lies there of a session any more. */
  drop(id: string): void {
    this.#count(id, -this.of(id))
    this.#sessions.delete(id)
    this.#giveRoom()
  }

  #isAway(): boolean {
    const sinceMs = this.#awaySinceMs
    return sinceMs !== null && performance.now() - sinceMs >= this.#limits.awayMs
  }

  #wait(asked: Pick<Waiter, 'id' | 'bytes' | 'reason'>, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        ...asked,
        settle: (outcome) => {
          this.#waiting.delete(waiter)
          clearTimeout(timer)
          signal.removeEventListener('abort', leave)
          if ('taken' in outcome) resolve(outcome.taken)
          else reject(outcome.reason)
        },
      }
      const leave = (): void => waiter.settle({ taken: false })
      const timer = setTimeout(() => waiter.settle(waiter), this.#limits.holdMs)
      timer.unref()
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.add(waiter)
    })
  }

  /** Those that find room now have it before anybody else is asked. */
  #giveRoom(): void {
    for (const waiter of this.#waiting) {
      const { id, bytes } = waiter
      const refusal = this.#refusal(id, bytes)
      if (refusal === null) {
        this.#count(id, bytes)
        waiter.settle({ taken: true })
      } else waiter.reason = refusal
    }
  }

  /** Why there is no room; null: there is. */
  #refusal(id: string, bytes: number): RecorderError | null {
    const taken = this.of(id)
    if (taken + bytes > this.#limits.sessionBytes) {
      return new RecorderError(
        'RECORDER_SHARE_FULL',
        `what waits for the auth service of this one session is all that the spool has for a session (${taken} bytes)`,
      )
    }
    const person = this.#sessions.get(id)?.person ?? null
    const ofPerson = person === null ? 0 : this.ofPerson(person)
    if (ofPerson + bytes > this.#limits.personBytes) {
      return new RecorderError(
        'RECORDER_SHARE_FULL',
        `what waits for the auth service of this one person is all that the spool has for a person (${ofPerson} bytes)`,
      )
    }
    if (this.#used + bytes > this.#limits.spoolBytes) {
      return new RecorderError(
        'RECORDER_FULL',
        `recordings that wait for the auth service fill the spool (${this.#used} bytes)`,
      )
    }
    return null
  }
}

interface SpoolShares {
  readonly spoolBytes: number
  readonly sessionBytes: number
  readonly personBytes: number
  readonly awayMs: number
  readonly holdMs: number
}
