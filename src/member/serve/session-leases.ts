import { SESSION_LEASE_NAMES } from '../../contract/index.ts'
import { type Clock, errorMessage, isWithin, type Logger } from '../../core/index.ts'
import { LEASE_QUIET_MS } from './limits.ts'
import type { LiveSession } from './session-reports.ts'

/** That a person wants one more session. */
export interface LeaseRequest {
  readonly sessionId: string
  readonly user: string
  /** Sessions that the person may have at once, at all services. */
  readonly max: number
  /** Those at this service, the ones that begin included. */
  readonly here: readonly string[]
}

interface Options {
  readonly sessions: { list(): readonly Pick<LiveSession, 'sessionId' | 'user'>[] }
  /** Asks who knows the other services. */
  readonly ask: (request: LeaseRequest) => Promise<boolean>
  /** A session that was granted does not begin, or has ended. */
  readonly onRelease: (sessionId: string) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Whether persons may begin one more session, counted over all services. What goes on or begins here is known exactly; of the
 * rest the auth service knows. While it does not answer, this service's own count decides.
 */
export class SessionLeases {
  readonly #options: Options
  /** Granted and not released: session id and user. */
  readonly #held = new Map<string, string>()
  /** When the auth service did not answer. */
  #unansweredMs = Number.NEGATIVE_INFINITY

  constructor(options: Options) {
    this.#options = options
  }

  /** Never rejects. */
  async acquire({
    sessionId,
    user,
    max,
  }: Pick<LeaseRequest, 'sessionId' | 'user' | 'max'>): Promise<boolean> {
    const here = this.#sessionsOf(user)
    here.delete(sessionId)
    if (here.size >= max) return false
    // Before it is asked: whoever asks meanwhile counts this one.
    this.#held.set(sessionId, user)
    const names = [...here].slice(0, SESSION_LEASE_NAMES)
    const granted = await this.#ask({ sessionId, user, max, here: names })
    if (!granted) this.#held.delete(sessionId)
    return granted
  }

  /** The session does not begin, or has ended. Again does nothing. */
  release(sessionId: string): void {
    if (this.#held.delete(sessionId)) this.#options.onRelease(sessionId)
  }

  async #ask(request: LeaseRequest): Promise<boolean> {
    const { ask, clock, log } = this.#options
    if (isWithin(LEASE_QUIET_MS, this.#unansweredMs, clock.now())) return true
    try {
      return await ask(request)
    } catch (error) {
      this.#unansweredMs = clock.now()
      log.warn(
        { user: request.user, error: errorMessage(error) },
        'the auth service does not say how many sessions a person has elsewhere: those of this service count',
      )
      return true
    }
  }

  #sessionsOf(user: string): Set<string> {
    const ids = new Set<string>()
    for (const session of this.#options.sessions.list()) {
      if (session.user === user) ids.add(session.sessionId)
    }
    for (const [id, whose] of this.#held) if (whose === user) ids.add(id)
    return ids
  }
}
