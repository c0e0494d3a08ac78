import type { Clock } from '../../core/index.ts'
import { SESSION_LEASE_MS } from '../limits.ts'

interface Claim {
  readonly ids: Set<string>
  readonly untilMs: number
}

/**
 * Which sessions of a person a service said it has or begins, when it asked for one more: they count until it tells of them, or
 * that they ended, or until SESSION_LEASE_MS passed.
 */
export class SessionLeases {
  readonly #clock: Clock
  /** By user and by host id. */
  readonly #claims = new Map<string, Map<string, Claim>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What a service says now counts, and nothing that it said before. */
  say(hostId: string, user: string, ids: Iterable<string>): void {
    const ofUser = this.#claims.get(user) ?? new Map<string, Claim>()
    ofUser.set(hostId, { ids: new Set(ids), untilMs: this.#clock.now() + SESSION_LEASE_MS })
    this.#claims.set(user, ofUser)
  }

  /** The sessions of a person at a service, as far as it said so lately. */
  of(hostId: string, user: string): Iterable<string> {
    const claim = this.#claims.get(user)?.get(hostId)
    return claim === undefined || claim.untilMs <= this.#clock.now() ? [] : claim.ids
  }

  /** Services that said something of a person. */
  hosts(user: string): Iterable<string> {
    return this.#claims.get(user)?.keys() ?? []
  }

  /** Sessions of a service ended. */
  end(hostId: string, ids: readonly string[]): void {
    if (ids.length === 0) return
    for (const [user, ofUser] of this.#claims) {
      const claim = ofUser.get(hostId)
      if (claim === undefined) continue
      for (const id of ids) claim.ids.delete(id)
      if (claim.ids.size === 0) this.#drop(user, hostId)
    }
  }

  forget(hostId: string): void {
    for (const user of [...this.#claims.keys()]) this.#drop(user, hostId)
  }

  /** Drops those whose time is over. */
  sweep(): void {
    const nowMs = this.#clock.now()
    for (const [user, ofUser] of [...this.#claims]) {
      for (const [hostId, { untilMs }] of [...ofUser]) {
        if (untilMs <= nowMs) this.#drop(user, hostId)
      }
    }
  }

  #drop(user: string, hostId: string): void {
    const ofUser = this.#claims.get(user)
    ofUser?.delete(hostId)
    if (ofUser?.size === 0) this.#claims.delete(user)
  }
}
