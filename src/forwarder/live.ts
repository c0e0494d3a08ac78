import { Crowd } from './crowd.ts'

/** An exchange that goes on: it can be judged again, and cut. */
export interface LiveExchange {
  /** Who sent it. */
  readonly user: string
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
  readonly #ofUser = new Map<string, number>()

  get size(): number {
    return this.#live.size
  }

  countOf(user: string): number {
    return this.#ofUser.get(user) ?? 0
  }

  /** The returned function takes it out; calling it again does nothing. */
  enter(exchange: LiveExchange): () => void {
    const { user } = exchange
    const leave = this.#live.enter(exchange)
    this.#ofUser.set(user, this.countOf(user) + 1)
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      leave()
      const rest = this.countOf(user) - 1
      if (rest === 0) this.#ofUser.delete(user)
      else this.#ofUser.set(user, rest)
    }
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
