/** Of a command, in JSON. Shorter ones are no more than what any request leaves in the audit log. */
const LONG_BYTES = 16 * 1024
/** Of the long commands of one person, at once, and for each second after that: hundreds of the largest that a kernel takes in one word (128 KiB) a day. */
const BURST_BYTES = 8 * 1024 * 1024
const BYTES_PER_SECOND = 64 * 1024
/** Who is remembered; more have not begun long commands within two minutes. */
const MAX_PERSONS = 10_000

interface Spent {
  readonly bytes: number
  readonly atMs: number
}

/**
 * How much of long commands a person writes to the audit log, which has each of them whole, before anybody has judged whether it is run: a few
 * hundred a second fill its spool within a minute, and then nobody is served.
 */
export class LongCommands {
  readonly #spent = new Map<string, Spent>()

  /** False: it is to wait. */
  takes(user: string, bytes: number, nowMs: number): boolean {
    if (bytes <= LONG_BYTES) return true
    const spent = this.#left(user, nowMs) + bytes
    if (spent > BURST_BYTES) return false
    this.#spent.delete(user)
    this.#spent.set(user, { bytes: spent, atMs: nowMs })
    const [oldest] = this.#spent.keys()
    if (this.#spent.size > MAX_PERSONS && oldest !== undefined) this.#spent.delete(oldest)
    return true
  }

  /** What counts still. */
  #left(user: string, nowMs: number): number {
    const spent = this.#spent.get(user)
    if (spent === undefined) return 0
    const back = (Math.max(0, nowMs - spent.atMs) / 1000) * BYTES_PER_SECOND
    return Math.max(0, spent.bytes - back)
  }
}
