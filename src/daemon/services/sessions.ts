import type { SessionRegistry } from '../../api/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import type {
  LiveSession,
  LiveSessions,
  SessionLeases as SessionLeasesPort,
} from '../../forwarder/index.ts'
import {
  followSessionOrders,
  type MemberCall,
  SessionLeases,
  SessionReports,
} from '../../member/index.ts'

/** Makes the sessions of a kubernetes service known to the auth service, and asks it about those of others. */
export interface SessionLink {
  /** What limits that hold for all services count. */
  leases(list: () => readonly LiveSession[]): SessionLeasesPort
  /** From now on they are listed, and can be ended; until the stack is disposed. */
  attach(stack: AsyncDisposableStack, sessions: LiveSessions): void
}

/** The kubernetes service is in the process of the auth service. */
export function localSessions(
  registry: SessionRegistry,
  hostId: string,
  clock: Clock,
  log: Logger,
): SessionLink {
  return {
    leases: (list) =>
      new SessionLeases({
        sessions: { list },
        ask: async (request) => registry.acquire({ ...request, hostId }).granted,
        onRelease: (sessionId) => registry.release(hostId, sessionId),
        clock,
        log,
      }),
    attach: (stack, sessions) => stack.defer(registry.addLocal(hostId, sessions)),
  }
}

/** The auth service is elsewhere. */
export function memberSessions(options: {
  /** Calls that are answered at once. */
  readonly call: MemberCall
  /** Calls that wait for news. */
  readonly waiting: MemberCall
  readonly clock: Clock
  readonly log: Logger
}): SessionLink {
  const { call, clock, log } = options
  let reports: SessionReports | null = null
  return {
    leases: (list) =>
      new SessionLeases({
        sessions: { list },
        ask: async ({ sessionId, here, ...request }) => {
          const body = { ...request, session_id: sessionId, here: [...here] }
          return (await call('member.session_lease', { body })).granted
        },
        onRelease: (sessionId) => reports?.release(sessionId),
        clock,
        log,
      }),
    attach(stack, sessions) {
      const end = sessions.end.bind(sessions)
      stack.use(followSessionOrders({ call: options.waiting, end, log }))
      reports = stack.use(new SessionReports({ call, sessions, clock, log }))
    },
  }
}
