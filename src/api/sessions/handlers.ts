import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps, Caller } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { DEFAULT_PAGE_ITEMS } from '../limits.ts'
import { assertSight, type Sight, shows, sightOf } from '../sight.ts'
import { behind, cursorOf } from './cursor.ts'
import type { KnownSession } from './registry.ts'
import { shownSession } from './shown.ts'

const RESOURCE = 'session_tracker'

/**
 * What people do with sessions that go on. The rule `session_tracker` shows them with `list` or `read`, and ends them with `delete`;
 * one's own are shown and ended without it, unless a role denies. One that is not shown is answered like one that does not exist.
 */
export function sessionHandlers(
  { sessions, access }: Pick<ApiDeps, 'sessions' | 'access'>,
  audit: ApiAudit,
): Pick<Handlers, 'sessions.list' | 'sessions.remove'> {
  const sees = (caller: Caller, session: KnownSession): boolean =>
    (['list', 'read', 'delete'] as const).some((verb) =>
      shows(sightOf(access, caller, RESOURCE, verb), session),
    )

  /**
   * Those of an id that the caller may end. Of several, since a service may claim the id of another's session: whoever may end
   * one of them does not get the others.
   */
  const endable = (caller: Caller, id: string): KnownSession[] => {
    const found = sessions.find(id).filter((session) => sees(caller, session))
    if (found.length === 0) {
      throw new ApiError(
        'NOT_FOUND',
        `no session ${id} goes on, or none that you may see: tsh sessions ls shows those that do`,
      )
    }
    const sight = sightOf(access, caller, RESOURCE, 'delete')
    const mine = found.filter((session) => shows(sight, session))
    if (mine.length > 0) return mine
    const why = sight.kind === 'none' ? sight.by : 'it is not yours, and no role of yours allows it'
    throw new ApiError(
      'ACCESS_DENIED',
      `you may not delete ${RESOURCE}: ${why}. An administrator can add a rule {resources: [${RESOURCE}], verbs: [delete]} to one of your roles`,
      { facts: { resource: RESOURCE, verb: 'delete' } },
    )
  }

  return {
    'sessions.list': async ({ caller, query }) => {
      const sight: Sight = sightOf(access, caller, RESOURCE, 'list')
      assertSight(sight, RESOURCE, 'list')
      const wanted = sessions
        .list()
        .filter(
          (session) =>
            shows(sight, session) &&
            (query.kind === undefined || session.kind === query.kind) &&
            (query.user === undefined || session.user === query.user) &&
            (query.kube_cluster === undefined || session.kubeCluster === query.kube_cluster),
        )
      const rest = query.after === undefined ? wanted : behind(wanted, query.after)
      const page = rest.slice(0, query.limit ?? DEFAULT_PAGE_ITEMS)
      const last = page.at(-1)
      return {
        items: page.map(shownSession),
        next: last === undefined || page.length === rest.length ? null : cursorOf(last),
      }
    },

    'sessions.remove': async ({ caller, params, body }) => {
      const found = endable(caller, params.id)
      const [session] = found
      if (session === undefined) throw new TypeError('nothing to end is an error before this')
      const message = body.message ?? ''
      const ended = await audit.change(
        caller,
        'session.terminate',
        {
          sid: session.sessionId,
          session_type: 'k8s',
          session_kind: session.kind,
          session_user: session.user,
          kubernetes_cluster: session.kubeCluster,
          kubernetes_pod_namespace: session.namespace,
          kubernetes_pod_name: session.pod,
          kubernetes_container_name: session.container,
          server_id: session.hostId,
          ...(message === '' ? {} : { message }),
        },
        () => Promise.all(found.map((one) => sessions.end(one, { user: caller.user, message }))),
      )
      return { session: shownSession(session), ended: ended.every(Boolean) }
    },
  }
}
