interface Shared {
  readonly name: string
  uses: number
}

/** Few names stand in many rows: each is kept once, as long as a row has it. Those of pods are new ones every day. */
export class SharedNames {
  readonly #all = new Map<string, Shared>()

  get size(): number {
    return this.#all.size
  }

  /** The same name, as it is kept. */
  take(name: string): string {
    const shared = this.#all.get(name) ?? { name, uses: 0 }
    if (shared.uses === 0) this.#all.set(name, shared)
    shared.uses += 1
    return shared.name
  }

  /** One row less has it. */
  drop(name: string): void {
    const shared = this.#all.get(name)
    if (shared === undefined) return
    shared.uses -= 1
    if (shared.uses === 0) this.#all.delete(name)
  }
}
