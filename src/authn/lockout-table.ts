import type { Clock } from '../core/index.ts'
import { MAX_LOCKOUTS } from './limits.ts'
import {
  afterFailure,
  afterWithdrawal,
  freshLockout,
  type Lockout,
  type LockoutRules,
  settled,
  waitMs,
} from './lockout.ts'

/**
 * Lockouts by key, in memory and not in storage: otherwise whoever invents names fills the database, or a name that
 * exists costs a write that another does not, which takes longer. When it is full, the least guilty is forgotten, so inventing
 * names does not wash a guilty one clean. A restart forgets; nobody can cause one from outside.
 */
export class LockoutTable {
  readonly #rules: LockoutRules
  readonly #clock: Clock
  readonly #max: number
  readonly #states = new Map<string, Lockout>()

  constructor(rules: LockoutRules, clock: Clock, max: number = MAX_LOCKOUTS) {
    this.#rules = rules
    this.#clock = clock
    this.#max = max
  }

  get size(): number {
    return this.#states.size
  }

  /** How long nobody may try, in milliseconds; 0: now. */
  waitMs(key: string): number {
    return waitMs(this.#state(key), this.#clock.now())
  }

  /** Counts an attempt as failed. */
  count(key: string): void {
    if (!this.#states.has(key) && this.#states.size >= this.#max) this.#makeRoom()
    this.#states.set(key, afterFailure(this.#state(key), this.#rules, this.#clock.now()))
  }

  /** Takes one counted attempt back. */
  withdraw(key: string): void {
    const next = afterWithdrawal(this.#state(key))
    if (next.failures === 0) this.#states.delete(key)
    else this.#states.set(key, next)
  }

  clear(key: string): void {
    this.#states.delete(key)
  }

  #state(key: string): Lockout {
    const nowMs = this.#clock.now()
    return settled(this.#states.get(key) ?? freshLockout(nowMs), this.#rules, nowMs)
  }

  /** A tenth at once, so that a flood does not sort the table for each name. */
  #makeRoom(): void {
    const byGuilt = [...this.#states.keys()]
      .map((key) => ({ key, state: this.#state(key) }))
      .sort((a, b) => a.state.failures - b.state.failures || a.state.asOfMs - b.state.asOfMs)
    for (const { key } of byGuilt.slice(0, Math.max(1, this.#max / 10))) this.#states.delete(key)
  }
}
