import { AuthnError } from './errors.ts'

export interface HashQueueLimits {
  readonly running: number
  readonly waiting: number
  /** Running and waiting, for one key. */
  readonly perKey: number
}

/**
 * Work that takes a thread and much memory, a few at once and the others in line. Whoever finds the line full, or has
 * enough in it already, is refused with HASHING_BUSY: waiting would cost memory, and the person goes away.
 */
export class HashQueue {
  readonly #limits: HashQueueLimits
  readonly #line: (() => void)[] = []
  readonly #ofKey = new Map<string, number>()
  #running = 0

  constructor(limits: HashQueueLimits) {
    this.#limits = limits
  }

  /** `key` is who asks: an address. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const own = this.#ofKey.get(key) ?? 0
    const full = this.#running >= this.#limits.running && this.#line.length >= this.#limits.waiting
    if (full || own >= this.#limits.perKey) {
      throw new AuthnError('HASHING_BUSY', 'too many passwords are being looked at')
    }
    this.#ofKey.set(key, own + 1)
    try {
      await this.#turn()
      try {
        return await work()
      } finally {
        this.#next()
      }
    } finally {
      const left = (this.#ofKey.get(key) ?? 1) - 1
      if (left === 0) this.#ofKey.delete(key)
      else this.#ofKey.set(key, left)
    }
  }

  #turn(): Promise<void> {
    if (this.#running < this.#limits.running) {
      this.#running += 1
      return Promise.resolve()
    }
    return new Promise((resolve) => this.#line.push(resolve))
  }

  /** Hands the place on, so that nobody who comes now is before who waits. */
  #next(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#running -= 1
    else next()
  }
}
