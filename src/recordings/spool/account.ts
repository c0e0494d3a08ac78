import { RecorderError } from '../errors.ts'

interface Taken {
  bytes: number
  /** Null: nobody has read yet whose it is. */
  person: string | null
}

/** How much lies in the spool, of which session and of whom, and whether more may. */
export class SpoolAccount {
  readonly #limits: SpoolShares
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
    const taken = this.of(id)
    if (taken + bytes > this.#limits.sessionBytes) {
      throw new RecorderError(
        'RECORDER_SHARE_FULL',
        `what waits for the auth service of this one session is all that the spool has for a session (${taken} bytes)`,
      )
    }
    const person = this.#sessions.get(id)?.person ?? null
    const ofPerson = person === null ? 0 : this.ofPerson(person)
    if (ofPerson + bytes > this.#limits.personBytes) {
      throw new RecorderError(
        'RECORDER_SHARE_FULL',
        `what waits for the auth service of this one person is all that the spool has for a person (${ofPerson} bytes)`,
      )
    }
    if (this.#used + bytes > this.#limits.spoolBytes) {
      throw new RecorderError(
        'RECORDER_FULL',
        `recordings that wait for the auth service fill the spool (${this.#used} bytes)`,
      )
    }
    this.add(id, bytes)
  }

  /** Says whose a session is; what lies there of it already counts as well. */
  belongs(id: string, person: string): void {
    const { bytes } = this.#sessions.get(id) ?? { bytes: 0 }
    this.drop(id)
    this.#sessions.set(id, { bytes: 0, person })
    this.add(id, bytes)
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
    this.set(id, 0)
    this.#sessions.delete(id)
  }
}

interface SpoolShares {
  readonly spoolBytes: number
  readonly sessionBytes: number
  readonly personBytes: number
}
