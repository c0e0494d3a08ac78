/** How many places there are, and how many of them one holder may have. */
export interface ShareLimits {
  readonly most: number
  readonly mostEach: number
}

/** Counts places by who holds them, so that one holder cannot have them all. */
export class Shares {
  readonly #limits: ShareLimits
  readonly #onFull: (holder: string, held: number) => void
  readonly #held = new Map<string, number>()
  /** Who was turned away since he last had nothing: it is told once, and not for each of a flood. */
  readonly #told = new Set<string>()
  #taken = 0

  constructor(limits: ShareLimits, onFull: (holder: string, held: number) => void = () => {}) {
    this.#limits = limits
    this.#onFull = onFull
  }

  get taken(): number {
    return this.#taken
  }

  /** Takes a place; the returned function gives it back. Null: there is none, or the holder has his share. */
  take(holder: string): (() => void) | null {
    const held = this.#held.get(holder) ?? 0
    if (this.#taken >= this.#limits.most || held >= this.#limits.mostEach) {
      this.#tell(holder, held)
      return null
    }
    this.#taken += 1
    this.#held.set(holder, held + 1)
    let given = false
    return () => {
      if (given) return
      given = true
      this.#giveBack(holder)
    }
  }

  #giveBack(holder: string): void {
    this.#taken -= 1
    const rest = (this.#held.get(holder) ?? 1) - 1
    if (rest > 0) {
      this.#held.set(holder, rest)
      return
    }
    this.#held.delete(holder)
    this.#told.delete(holder)
  }

  #tell(holder: string, held: number): void {
    // Who holds nothing is turned away because of the others, and would be remembered for ever.
    if (held === 0 || this.#told.has(holder)) return
    this.#told.add(holder)
    this.#onFull(holder, held)
  }
}
