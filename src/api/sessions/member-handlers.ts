import { MEMBER_STATE_WAIT_MS } from '../../contract/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import type { Handlers } from '../handler-types.ts'
import { SESSION_ORDERS_AT_ONCE } from '../limits.ts'
import type { Waiters } from '../member/waiters.ts'
import type { LiveSession } from './ports.ts'
import { sessionOf } from './shown.ts'

const FOREIGN = 'it is of a Kubernetes cluster that the service may not serve'

/**
 * What kubernetes services call: they tell which sessions go on, hear which are to end, and ask whether a person may begin one
 * more. One may speak of clusters that it serves, and of no other's sessions.
 */
export function memberSessionHandlers(
  { sessions, kubeClusters, clock }: Pick<ApiDeps, 'sessions' | 'kubeClusters' | 'clock'>,
  audit: ApiAudit,
  waiters: Waiters,
): Pick<Handlers, 'member.sessions' | 'member.session_orders' | 'member.session_lease'> {
  return {
    'member.sessions': async ({ caller, body }) => {
      const { hostId } = caller.identity
      const nowMs = clock.now()
      const began: LiveSession[] = []
      const refused: { session_id: string; message: string }[] = []
      const mine = new Map<string, boolean>()
      for (const reported of body.began) {
        const { kube_cluster: name, session_id: id } = reported
        const isMine = mine.get(name) ?? (await kubeClusters.announced(hostId, name))
        mine.set(name, isMine)
        if (isMine) began.push(sessionOf(reported, nowMs))
        else refused.push({ session_id: id, message: FOREIGN })
      }
      if (refused.length > 0) {
        await audit.gather(caller, 'auth', {
          path: '/v1/member/sessions',
          error_code: 'SESSION_REFUSED',
          error: `${refused.length} sessions were refused: ${FOREIGN}`,
        })
      }
      const { series, number, ended } = body
      return { known: sessions.report(hostId, { series, number, began, ended }), refused }
    },

    'member.session_orders': async ({ caller, body }) => {
      const { hostId } = caller.identity
      const { orders } = sessions
      orders.done(hostId, body.done)
      if (orders.of(hostId).length === 0) await waiters.wait(hostId, MEMBER_STATE_WAIT_MS)
      return {
        orders: orders
          .of(hostId)
          .slice(0, SESSION_ORDERS_AT_ONCE)
          .map(({ id, sessionId, user, message }) => ({
            id,
            session_id: sessionId,
            user,
            message,
          })),
      }
    },

    'member.session_lease': async ({ caller, body }) => {
      const { hostId } = caller.identity
      return sessions.acquire({
        hostId,
        sessionId: body.session_id,
        user: body.user,
        max: body.max,
        here: body.here,
      })
    },
  }
}
