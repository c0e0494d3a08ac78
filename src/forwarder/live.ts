import { Crowd } from './crowd.ts'
import type { ClientExchange } from './exchange.ts'
import type { ForwarderLimits } from './limits.ts'
import { headerOf } from './raw-headers.ts'

/** An exchange that goes on: it can be judged again, and cut. */
export interface LiveExchange {
  /** A watch: its client expects that it ends now and then, and asks again. */
  readonly resumable?: boolean
  /** Called when roles, users, locks, labels or authorities changed. */
  recheck(): void
  /** Called every now and then: it ends when its time is over. */
  sweep(nowMs: number): void
  /** Cuts it, with why. */
  cut(): void
}

type AdmissionLimits = Pick<
  ForwarderLimits,
  'maxExchangesPerUser' | 'maxUnreadBytesPerUser' | 'streamWindowBytes'
>
type AdmittedExchange = Pick<ClientExchange, 'onClosed' | 'body' | 'target' | 'rawHeaders'>

interface Underway {
  readonly exchanges: number
  readonly heldBytes: number
}
/** Of the head of a request, for which nothing is counted: most have less than two kilobytes. */
const FREE_HEAD_BYTES = 16 * 1024
/** Exchanges that are judged again in one turn of the event loop. */
const RECHECKED_AT_ONCE = 500

const NOTHING: Underway = { exchanges: 0, heldBytes: 0 }

/** What is underway, so that rights that were withdrawn end it at once. */
export class LiveExchanges {
  readonly #live = new Crowd<LiveExchange>()
  readonly #admitted = new Map<string, Underway>()
  /** Something changed since the walk that goes on began. */
  #isStale = false
  #isWalking = false

  get size(): number {
    return this.#live.size
  }

  /**
   * Counts a request of a user, from its head until its last byte has left; false when he has as many underway, or as much in
   * large heads and unread bodies, as he may. What waits for the audit log, and answers that nobody reads, count as well: they hold memory.
   */
  admit(user: string, limits: AdmissionLimits, exchange: AdmittedExchange): boolean {
    const { exchanges, heldBytes } = this.#admitted.get(user) ?? NOTHING
    const held = largeHead(exchange) + mostUnread(exchange, limits.streamWindowBytes)
    if (exchanges >= limits.maxExchangesPerUser) return false
    if (held > 0 && heldBytes + held > limits.maxUnreadBytesPerUser) return false
    this.#admitted.set(user, { exchanges: exchanges + 1, heldBytes: heldBytes + held })
    exchange.onClosed(() => {
      const underway = this.#admitted.get(user) ?? NOTHING
      if (underway.exchanges <= 1) this.#admitted.delete(user)
      else {
        this.#admitted.set(user, {
          exchanges: underway.exchanges - 1,
          heldBytes: underway.heldBytes - held,
        })
      }
    })
    return true
  }

  /** The returned function takes it out; calling it again does nothing. */
  enter(exchange: LiveExchange): () => void {
    // It may have been judged before the change, and stand where the walk has been.
    if (this.#isWalking) setImmediate(() => exchange.recheck())
    return this.#live.enter(exchange)
  }

  /**
   * Judges all of them again, some hundreds in each turn of the loop, so that others are served meanwhile. What changes during
   * a walk begins one more when it is over, not one more for each change (measured with 5,000 watches: a thousand changes at
   * once stopped the process for a minute).
   */
  recheck(): void {
    this.#isStale = true
    if (!this.#isWalking) this.#walk(0)
  }

  #walk(first: number): void {
    if (first === 0) this.#isStale = false
    for (const exchange of this.#live.some(first, RECHECKED_AT_ONCE)) exchange.recheck()
    const next = first + RECHECKED_AT_ONCE
    const isOver = next >= this.#live.places
    this.#isWalking = !isOver || this.#isStale
    if (this.#isWalking) setImmediate(() => this.#walk(isOver ? 0 : next))
  }

  sweep(nowMs: number): void {
    for (const exchange of this.#live.members()) exchange.sweep(nowMs)
  }

  cutResumable(): void {
    for (const exchange of this.#live.members()) if (exchange.resumable === true) exchange.cut()
  }

  cutAll(): void {
    for (const exchange of this.#live.members()) exchange.cut()
  }
}

/** A request is kept as it came for as long as it goes on: it is judged again by its headers. */
function largeHead({ target, rawHeaders }: AdmittedExchange): number {
  let bytes = target.length
  for (const text of rawHeaders) bytes += text.length
  return Math.max(0, bytes - FREE_HEAD_BYTES)
}

/** HTTP holds a body to its Content-Length; one without may fill its window. */
function mostUnread({ body, rawHeaders }: AdmittedExchange, windowBytes: number): number {
  if (body === null) return 0
  const text = headerOf(rawHeaders, 'content-length') ?? ''
  return /^[0-9]{1,15}$/.test(text) ? Math.min(Number(text), windowBytes) : windowBytes
}
