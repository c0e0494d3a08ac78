import { AuthnError } from './errors.ts'

export interface HashQueueLimits {
  readonly running: number
  readonly waiting: number
  /** Running and waiting, for one address. */
  readonly perAddress: number
}

/** Who asks: an address, and the network that it belongs to. */
export interface Asker {
  readonly address: string
  readonly network: string
}

interface Waiting {
  start(): void
  refuse(): void
}

/**
 * Work that takes a thread and much memory, a few at once and the others in line. Networks take turns, so one with many
 * addresses waits for itself. Whoever finds the line full, or has enough in it already, is refused with HASHING_BUSY: waiting
 * would cost memory, and the person goes away. A full line still takes somebody of a network that has less in it than another: the
 * last of the network with the most is refused instead.
 */
export class HashQueue {
  readonly #limits: HashQueueLimits
  /** In the order in which networks have their turns. */
  readonly #lines = new Map<string, Waiting[]>()
  readonly #ofAddress = new Map<string, number>()
  #running = 0
  #waiting = 0

  constructor(limits: HashQueueLimits) {
    this.#limits = limits
  }

  async run<T>({ address, network }: Asker, work: () => Promise<T>): Promise<T> {
    const own = this.#ofAddress.get(address) ?? 0
    if (own >= this.#limits.perAddress || !this.#hasRoom(network)) throw busy()
    this.#ofAddress.set(address, own + 1)
    try {
      await this.#turn(network)
      try {
        return await work()
      } finally {
        this.#next()
      }
    } finally {
      const left = (this.#ofAddress.get(address) ?? 1) - 1
      if (left === 0) this.#ofAddress.delete(address)
      else this.#ofAddress.set(address, left)
    }
  }

  /** Whether one more may come; makes room where a network has more than its share. */
  #hasRoom(network: string): boolean {
    if (this.#running < this.#limits.running || this.#waiting < this.#limits.waiting) return true
    const own = this.#lines.get(network)?.length ?? 0
    const [longest] = [...this.#lines].sort(([, a], [, b]) => b.length - a.length)
    if (longest === undefined || longest[1].length <= own + 1) return false
    const [of, line] = longest
    const last = line.pop()
    if (line.length === 0) this.#lines.delete(of)
    this.#waiting -= 1
    last?.refuse()
    return true
  }

  #turn(network: string): Promise<void> {
    if (this.#running < this.#limits.running) {
      this.#running += 1
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const line = this.#lines.get(network) ?? []
      line.push({ start: resolve, refuse: () => reject(busy()) })
      this.#lines.set(network, line)
      this.#waiting += 1
    })
  }

  /** Hands the place on, so that nobody who comes now is before who waits. */
  #next(): void {
    const [first] = this.#lines
    if (first === undefined) {
      this.#running -= 1
      return
    }
    const [network, line] = first
    const next = line.shift()
    // The network's next turn comes after those of the others.
    this.#lines.delete(network)
    if (line.length > 0) this.#lines.set(network, line)
    this.#waiting -= 1
    next?.start()
  }
}

const busy = (): AuthnError =>
  new AuthnError('HASHING_BUSY', 'too many passwords are being looked at')
