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
  readonly #live = new Set<LiveExchange>()
  readonly #ofUser = new Map<string, number>()

  get size(): number {
    return this.#live.size
  }

  countOf(user: string): number {
    return this.#ofUser.get(user) ?? 0
  }

  add(exchange: LiveExchange): void {
    this.#live.add(exchange)
    this.#ofUser.set(exchange.user, this.countOf(exchange.user) + 1)
  }

  delete(exchange: LiveExchange): void {
    if (!this.#live.delete(exchange)) return
    const rest = this.countOf(exchange.user) - 1
    if (rest === 0) this.#ofUser.delete(exchange.user)
    else this.#ofUser.set(exchange.user, rest)
  }

  recheck(): void {
    for (const exchange of [...this.#live]) exchange.recheck()
  }

  sweep(nowMs: number): void {
    for (const exchange of [...this.#live]) exchange.sweep(nowMs)
  }

  cutResumable(): void {
    for (const exchange of [...this.#live]) if (exchange.resumable === true) exchange.cut()
  }

  cutAll(): void {
    for (const exchange of [...this.#live]) exchange.cut()
  }
}
