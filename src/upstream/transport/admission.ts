/** A place among the open requests. */
export interface Place {
  /** The reader has stopped: the place is still held, but others may overtake. */
  stall(): void
  /** The reader goes on. */
  unstall(): void
  leave(): void
}

/**
 * Bounds open requests: at most `maxActive` that make progress and `maxOpen` in all; who comes later waits in order of
 * arrival. A stalled reader keeps its connection but not the others waiting.
 */
export class Admission {
  readonly #maxActive: number
  readonly #maxOpen: number
  readonly #maxWaiting: number
  readonly #waiting = new Set<() => void>()
  #active = 0
  #open = 0

  constructor(limits: { maxActive: number; maxOpen: number; maxWaiting: number }) {
    this.#maxActive = limits.maxActive
    this.#maxOpen = limits.maxOpen
    this.#maxWaiting = limits.maxWaiting
  }

  get open(): number {
    return this.#open
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /**
   * Calls `start` now or when there is room.
   *
   * @returns a function that gives up waiting (nothing, once started); null when too many wait already.
   */
  enter(start: (place: Place) => void): (() => void) | null {
    if (this.#hasRoom()) {
      start(this.#take())
      return () => {}
    }
    if (this.#waiting.size >= this.#maxWaiting) return null
    const wake = (): void => start(this.#take())
    this.#waiting.add(wake)
    return () => {
      this.#waiting.delete(wake)
    }
  }

  #hasRoom(): boolean {
    return this.#active < this.#maxActive && this.#open < this.#maxOpen
  }

  #take(): Place {
    let state: 'active' | 'stalled' | 'left' = 'active'
    this.#active += 1
    this.#open += 1
    return {
      stall: () => {
        if (state !== 'active') return
        state = 'stalled'
        this.#active -= 1
        this.#wake()
      },
      unstall: () => {
        if (state !== 'stalled') return
        state = 'active'
        this.#active += 1
      },
      leave: () => {
        if (state === 'left') return
        if (state === 'active') this.#active -= 1
        state = 'left'
        this.#open -= 1
        this.#wake()
      },
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) {
      if (!this.#hasRoom()) return
      this.#waiting.delete(wake)
      wake()
    }
  }
}
