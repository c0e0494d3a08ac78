/** An exchange that goes on: it can be judged again, and cut. */
export interface LiveExchange {
  /** Called when roles, users, labels or authorities changed. */
  recheck(): void
  /** Cuts it, with why. */
  cut(): void
}

/** What is underway, so that rights that were withdrawn end it at once. */
export class LiveExchanges {
  readonly #live = new Set<LiveExchange>()
  readonly #empty = new Set<() => void>()

  get size(): number {
    return this.#live.size
  }

  add(exchange: LiveExchange): void {
    this.#live.add(exchange)
  }

  delete(exchange: LiveExchange): void {
    this.#live.delete(exchange)
    if (this.#live.size > 0) return
    for (const wake of this.#empty) wake()
    this.#empty.clear()
  }

  recheck(): void {
    for (const exchange of [...this.#live]) exchange.recheck()
  }

  cutAll(): void {
    for (const exchange of [...this.#live]) exchange.cut()
  }

  /** Resolves when nothing is underway. */
  whenEmpty(): Promise<void> {
    return this.#live.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#empty.add(resolve))
  }
}
