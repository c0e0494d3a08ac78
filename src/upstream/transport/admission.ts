/** A place among the open requests. */
export interface Place {
  /** It waits for its client: the place is still held, but others may overtake. */
  stall(): void
  /** The client goes on. */
  unstall(): void
  leave(): void
}

/** How many requests there may be at once: of everybody, and of one user. */
export interface AdmissionLimits {
  /** That make progress. */
  readonly maxActive: number
  /** Stalled ones included. */
  readonly maxOpen: number
  readonly maxWaiting: number
  /** The part of each of these numbers that one user may take, so that something is left for the others. */
  readonly userShare: number
}

/** What one user has underway. */
interface Tally {
  active: number
  open: number
  /** In order of arrival. */
  readonly waiting: Set<() => void>
}

/**
 * Bounds open requests. Who comes later waits; users take turns, each in the order in which his requests came, so that a
 * thousand requests of one do not keep another's only one waiting. A request that waits for its own client keeps its
 * connection but keeps nobody waiting.
 */
export class Admission {
  readonly #limits: AdmissionLimits
  readonly #ofUser: AdmissionLimits
  readonly #users = new Map<string, Tally>()
  /** Users with waiting requests; the next one's turn first. */
  readonly #turns = new Set<string>()
  #active = 0
  #open = 0
  #waiting = 0

  constructor(limits: AdmissionLimits) {
    const { userShare } = limits
    const share = (all: number): number => Math.max(1, Math.floor(all * userShare))
    this.#limits = limits
    this.#ofUser = {
      maxActive: share(limits.maxActive),
      maxOpen: share(limits.maxOpen),
      maxWaiting: share(limits.maxWaiting),
      userShare,
    }
  }

  get open(): number {
    return this.#open
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Starts at once or later; the returned function leaves the queue. Null: too many wait already. */
  enter(user: string, start: (place: Place) => void): (() => void) | null {
    const tally = this.#tallyOf(user)
    if (tally.waiting.size === 0 && this.#hasRoom(tally)) {
      start(this.#take(user, tally))
      return () => {}
    }
    if (this.#waiting >= this.#limits.maxWaiting || tally.waiting.size >= this.#ofUser.maxWaiting) {
      return null
    }
    const wake = (): void => start(this.#take(user, tally))
    tally.waiting.add(wake)
    this.#waiting += 1
    this.#turns.add(user)
    return () => this.#leaveQueue(user, tally, wake)
  }

  #hasRoom(tally: Tally): boolean {
    return (
      this.#active < this.#limits.maxActive &&
      this.#open < this.#limits.maxOpen &&
      tally.active < this.#ofUser.maxActive &&
      tally.open < this.#ofUser.maxOpen
    )
  }

  #tallyOf(user: string): Tally {
    const known = this.#users.get(user)
    if (known !== undefined) return known
    const tally = { active: 0, open: 0, waiting: new Set<() => void>() }
    this.#users.set(user, tally)
    return tally
  }

  #take(user: string, tally: Tally): Place {
    let state: 'active' | 'stalled' | 'left' = 'active'
    const activate = (by: 1 | -1): void => {
      this.#active += by
      tally.active += by
    }
    activate(1)
    this.#open += 1
    tally.open += 1
    return {
      stall: () => {
        if (state !== 'active') return
        state = 'stalled'
        activate(-1)
        this.#wake()
      },
      unstall: () => {
        if (state !== 'stalled') return
        state = 'active'
        activate(1)
      },
      leave: () => {
        if (state === 'left') return
        if (state === 'active') activate(-1)
        state = 'left'
        this.#open -= 1
        tally.open -= 1
        this.#forget(user, tally)
        this.#wake()
      },
    }
  }

  #leaveQueue(user: string, tally: Tally, wake: () => void): void {
    if (!tally.waiting.delete(wake)) return
    this.#waiting -= 1
    if (tally.waiting.size === 0) this.#turns.delete(user)
    this.#forget(user, tally)
  }

  #forget(user: string, { open, waiting }: Tally): void {
    if (open === 0 && waiting.size === 0) this.#users.delete(user)
  }

  /** Goes round the users who wait until there is no room, for anybody or for those who are left. */
  #wake(): void {
    for (let found = true; found; ) {
      found = false
      for (const user of [...this.#turns]) {
        if (this.#active >= this.#limits.maxActive || this.#open >= this.#limits.maxOpen) return
        const tally = this.#tallyOf(user)
        const [next] = tally.waiting
        if (next === undefined || !this.#hasRoom(tally)) continue
        found = true
        // To the end of the round; `start` may enter again.
        this.#turns.delete(user)
        tally.waiting.delete(next)
        this.#waiting -= 1
        if (tally.waiting.size > 0) this.#turns.add(user)
        next()
      }
    }
  }
}
