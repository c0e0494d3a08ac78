import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/index.ts'
import { SESSION_ORDER_MS, SESSION_ORDERS_MOST } from '../limits.ts'
import type { EndedBy } from './ports.ts'

/** That a service is to end a session. */
export interface Order extends EndedBy {
  /** 128 random bits, hexadecimal. */
  readonly id: string
  readonly sessionId: string
}

interface Waiting extends Order {
  readonly untilMs: number
  readonly onDone: () => void
}

/** Orders to services of other processes. Each is told until the service says that it is done, or until its time is over. */
export class SessionOrders {
  readonly #clock: Clock
  readonly #ofHost = new Map<string, Map<string, Waiting>>()
  readonly #listeners = new Set<(hostId: string) => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `done` resolves when the service has ended the session; it may never. */
  give(hostId: string, sessionId: string, by: EndedBy): { readonly done: Promise<void> } {
    const { promise: done, resolve } = Promise.withResolvers<void>()
    const id = randomBytes(16).toString('hex')
    const untilMs = this.#clock.now() + SESSION_ORDER_MS
    const orders = this.#ofHost.get(hostId) ?? new Map<string, Waiting>()
    orders.set(id, { ...by, id, sessionId, untilMs, onDone: resolve })
    this.#ofHost.set(hostId, orders)
    if (orders.size > SESSION_ORDERS_MOST) {
      for (const oldest of orders.keys()) {
        orders.delete(oldest)
        break
      }
    }
    for (const listener of this.#listeners) listener(hostId)
    return { done }
  }

  /** Those that wait for a service, the oldest first. */
  of(hostId: string): readonly Order[] {
    const orders = this.#ofHost.get(hostId)
    if (orders === undefined) return []
    const nowMs = this.#clock.now()
    for (const { id, untilMs } of [...orders.values()]) if (untilMs <= nowMs) orders.delete(id)
    if (orders.size === 0) this.#ofHost.delete(hostId)
    return [...orders.values()]
  }

  /** A service carried them out. */
  done(hostId: string, ids: readonly string[]): void {
    const orders = this.#ofHost.get(hostId)
    for (const id of ids) {
      orders?.get(id)?.onDone()
      orders?.delete(id)
    }
    if (orders?.size === 0) this.#ofHost.delete(hostId)
  }

  /** The service is none of ours any more. */
  forget(hostId: string): void {
    this.#ofHost.delete(hostId)
  }

  /** Calls back with the host id of a service for which there is a new order, until the returned function is called. */
  onOrder(listener: (hostId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
