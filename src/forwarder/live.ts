import { Crowd } from './crowd.ts'
import type { ClientExchange } from './exchange.ts'

/** An exchange that goes on: it can be judged again, and cut. */
export interface LiveExchange {
  /** A watch: its client expects that it ends now and then, and asks again. */
  readonly resumable?: boolean
  /** Called when roles, users, locks, labels or authorities changed. */
  recheck(): void
  /** Called every now and then: it ends when its time is over. */
  sweep(nowMs: number): void
  /** Cuts it, with why. */
  cut(): void
}

/** What is underway, so that rights that were withdrawn end it at once. */
export class LiveExchanges {
  readonly #live = new Crowd<LiveExchange>()
  readonly #admitted = new Map<string, number>()

  get size(): number {
    return this.#live.size
  }

  /**
   * Counts a request of a user, from its head until its last byte has left; false when he has `most` underway. What waits for
   * the audit log, and answers that nobody reads, count as well: they hold memory.
   */
  admit(user: string, most: number, exchange: Pick<ClientExchange, 'onClosed'>): boolean {
    const underway = this.#admitted.get(user) ?? 0
    if (underway >= most) return false
    this.#admitted.set(user, underway + 1)
    exchange.onClosed(() => {
      const rest = (this.#admitted.get(user) ?? 1) - 1
      if (rest === 0) this.#admitted.delete(user)
      else this.#admitted.set(user, rest)
    })
    return true
  }

  /** The returned function takes it out; calling it again does nothing. */
  enter(exchange: LiveExchange): () => void {
    return this.#live.enter(exchange)
  }

  recheck(): void {
    for (const exchange of this.#live.members()) exchange.recheck()
  }

  sweep(nowMs: number): void {
    for (const exchange of this.#live.members()) exchange.sweep(nowMs)
  }

  cutResumable(): void {
    for (const exchange of this.#live.members()) if (exchange.resumable === true) exchange.cut()
  }

  cutAll(): void {
    for (const exchange of this.#live.members()) exchange.cut()
  }
}
