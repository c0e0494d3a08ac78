/** A sync of a directory that is underway may have begun too early for who asks; the next one serves all who asked meanwhile. */
export class SharedSyncs {
  readonly #sync: (path: string) => Promise<void>
  readonly #running = new Map<string, Promise<void>>()
  readonly #next = new Map<string, Promise<void>>()

  constructor(sync: (path: string) => Promise<void>) {
    this.#sync = sync
  }

  /** Resolves when what was done in the directory before the call survives a loss of power. */
  sync(path: string): Promise<void> {
    const running = this.#running.get(path)
    if (running === undefined) return this.#run(path)
    const next = this.#next.get(path)
    if (next !== undefined) return next
    const after = (): Promise<void> => {
      this.#next.delete(path)
      return this.#run(path)
    }
    const mine = running.then(after, after)
    this.#next.set(path, mine)
    return mine
  }

  #run(path: string): Promise<void> {
    const mine = this.#sync(path).finally(() => {
      if (this.#running.get(path) === mine) this.#running.delete(path)
    })
    this.#running.set(path, mine)
    return mine
  }
}
