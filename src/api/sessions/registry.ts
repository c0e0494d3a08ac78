import { SESSIONS_MOST, shortCommand } from '../../contract/index.ts'
import type { Clock } from '../../core/index.ts'
import { SESSION_END_WAIT_MS, SESSIONS_SILENT_MS } from '../limits.ts'
import { SessionLeases } from './leases.ts'
import { SessionOrders } from './orders.ts'
import type { EndedBy, LiveSession, LocalSessions } from './ports.ts'

/** A session, and the host id of the service through which it goes. */
export interface KnownSession extends LiveSession {
  readonly hostId: string
}

/** What a service of another process says. */
export interface SessionNews {
  /** Names a row of calls that build on each other. */
  readonly series: string
  /** Of the call within the series. */
  readonly number: number
  readonly began: readonly LiveSession[]
  /** Session ids. */
  readonly ended: readonly string[]
}

/** That a person wants one more session. */
export interface LeaseRequest {
  readonly hostId: string
  readonly sessionId: string
  readonly user: string
  /** Sessions that the person may have at once. */
  readonly max: number
  /** The person's sessions at the asking service, those that begin included. */
  readonly here: readonly string[]
}

interface Host {
  readonly series: string
  /** Of the next call. */
  next: number
  heardMs: number
  readonly sessions: Map<string, LiveSession>
  readonly ofUser: Map<string, Set<string>>
}

/**
 * Which sessions go on at which service. In memory alone: services tell it anew after a restart of ours, within SESSIONS_BEAT_MS.
 * Sessions of a service that fell silent are forgotten after SESSIONS_SILENT_MS.
 */
export class SessionRegistry {
  readonly orders: SessionOrders
  readonly #clock: Clock
  readonly #hosts = new Map<string, Host>()
  readonly #leases: SessionLeases
  #local: { readonly hostId: string; readonly sessions: LocalSessions } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.orders = new SessionOrders(clock)
    this.#leases = new SessionLeases(clock)
  }

  /** The kubernetes service of this process, until the returned function is called. */
  addLocal(hostId: string, sessions: LocalSessions): () => void {
    this.#local = { hostId, sessions }
    return () => {
      this.#local = null
    }
  }

  /** False: what it builds on is not known; everything is to be told in a new series. */
  report(hostId: string, { series, number, began, ended }: SessionNews): boolean {
    const nowMs = this.#clock.now()
    const known = this.#hosts.get(hostId)
    if (number === 0 && known?.series !== series) {
      const fresh = { series, next: 0, heardMs: nowMs, sessions: new Map(), ofUser: new Map() }
      this.#hosts.set(hostId, fresh)
    }
    const host = this.#hosts.get(hostId)
    if (host?.series !== series || number > host.next || this.#isSilent(host)) return false
    host.heardMs = nowMs
    // Told again, since its answer was lost.
    if (number < host.next) return true
    host.next = number + 1
    for (const id of ended) remove(host, id)
    this.#leases.end(hostId, ended)
    for (const session of began) {
      if (host.sessions.size < SESSIONS_MOST) add(host, session)
    }
    return true
  }

  /** A service is none of ours any more, or is locked out. */
  forget(hostId: string): void {
    this.#hosts.delete(hostId)
    this.#leases.forget(hostId)
    this.orders.forget(hostId)
  }

  /** To be called now and then. */
  forgetSilent(): void {
    this.#leases.sweep()
    for (const [hostId, host] of [...this.#hosts]) {
      if (this.#isSilent(host)) this.#hosts.delete(hostId)
    }
  }

  /** All that go on, the newest first. */
  list(): readonly KnownSession[] {
    const own = this.#local
    const all = own === null ? [] : own.sessions.list().map((one) => told(one, own.hostId))
    for (const [hostId, host] of this.#hosts) {
      if (this.#isSilent(host)) continue
      for (const session of host.sessions.values()) all.push(told(session, hostId))
    }
    return all.sort(newestFirst)
  }

  /** Those of an id: one, unless a service names the session of another as its own. */
  find(sessionId: string): readonly KnownSession[] {
    const own = this.#local
    const local = own?.sessions.list().find((one) => one.sessionId === sessionId)
    const found = own === null || local === undefined ? [] : [told(local, own.hostId)]
    for (const [hostId, host] of this.#hosts) {
      const session = host.sessions.get(sessionId)
      if (session !== undefined && !this.#isSilent(host)) found.push(told(session, hostId))
    }
    return found
  }

  /** Ends a session. Resolves to false when its service does not answer; it is told for SESSION_ORDER_MS. */
  async end({ hostId, sessionId }: KnownSession, by: EndedBy): Promise<boolean> {
    if (this.#local?.hostId === hostId) {
      this.#local.sessions.end(sessionId, by)
      return true
    }
    const { done } = this.orders.give(hostId, sessionId, by)
    const { promise: late, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), SESSION_END_WAIT_MS)
    try {
      return await Promise.race([done.then(() => true), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether a person may begin one more session, over all services. `sessions`: those that there are without it. */
  acquire({ hostId, sessionId, user, max, here }: LeaseRequest): {
    readonly granted: boolean
    readonly sessions: number
  } {
    const own = new Set(here)
    own.delete(sessionId)
    const sessions = own.size + this.#elsewhere(hostId, user)
    const granted = sessions < max
    this.#leases.say(hostId, user, granted ? [...own, sessionId] : own)
    return { granted, sessions }
  }

  /** A session that was granted begins no more, or ended, at the service of this process. */
  release(hostId: string, sessionId: string): void {
    this.#leases.end(hostId, [sessionId])
  }

  /** A person's sessions at all services but one. */
  #elsewhere(butHostId: string, user: string): number {
    const ids = new Set<string>()
    const own = this.#local
    if (own !== null && own.hostId !== butHostId) {
      for (const session of own.sessions.list()) {
        if (session.user === user) ids.add(session.sessionId)
      }
    }
    for (const [hostId, host] of this.#hosts) {
      if (hostId === butHostId || this.#isSilent(host)) continue
      for (const id of host.ofUser.get(user) ?? []) ids.add(id)
    }
    for (const hostId of this.#leases.hosts(user)) {
      if (hostId !== butHostId) for (const id of this.#leases.of(hostId, user)) ids.add(id)
    }
    return ids.size
  }

  #isSilent({ heardMs }: Host): boolean {
    return this.#clock.now() - heardMs >= SESSIONS_SILENT_MS
  }
}

function add({ sessions, ofUser }: Host, session: LiveSession): void {
  const { sessionId, user } = session
  // One id is one session: what it was said to be first counts.
  if (sessions.has(sessionId)) return
  sessions.set(sessionId, { ...session, command: shortCommand(session.command) })
  ofUser.set(user, (ofUser.get(user) ?? new Set()).add(sessionId))
}

function remove({ sessions, ofUser }: Host, sessionId: string): void {
  const session = sessions.get(sessionId)
  if (session === undefined) return
  sessions.delete(sessionId)
  const ids = ofUser.get(session.user)
  ids?.delete(sessionId)
  if (ids?.size === 0) ofUser.delete(session.user)
}

const told = (session: LiveSession, hostId: string): KnownSession => ({ ...session, hostId })

/** Of one moment by id, so that pages neither skip nor repeat. */
export const newestFirst = (
  one: Pick<KnownSession, 'startedMs' | 'sessionId' | 'hostId'>,
  other: Pick<KnownSession, 'startedMs' | 'sessionId' | 'hostId'>,
): number =>
  other.startedMs - one.startedMs ||
  compared(one.sessionId, other.sessionId) ||
  compared(one.hostId, other.hostId)

const compared = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
