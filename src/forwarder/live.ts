/** An exchange that goes on: it can be judged again, and cut. */
export interface LiveExchange {
  /** A watch: its client expects that it ends now and then, and asks again. */
  readonly resumable?: boolean
  /** Called when roles, users, labels or authorities changed. */
  recheck(): void
  /** Cuts it, with why. */
  cut(): void
}

/** What is underway, so that rights that were withdrawn end it at once. */
export class LiveExchanges {
  readonly #live = new Set<LiveExchange>()

  get size(): number {
    return this.#live.size
  }

  add(exchange: LiveExchange): void {
    this.#live.add(exchange)
  }

  delete(exchange: LiveExchange): void {
    this.#live.delete(exchange)
  }

  recheck(): void {
    for (const exchange of [...this.#live]) exchange.recheck()
  }

  cutResumable(): void {
    for (const exchange of [...this.#live]) if (exchange.resumable === true) exchange.cut()
  }

  cutAll(): void {
    for (const exchange of [...this.#live]) exchange.cut()
  }
}
