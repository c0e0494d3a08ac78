import { decideApi, describeRule } from '../../authz/index.ts'
import type { Recording } from '../../recordings/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import { subjectOf } from '../authorize-call.ts'
import type { ApiDeps, Caller } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { instantOf } from '../instant.ts'
import { DEFAULT_PAGE_ITEMS } from '../limits.ts'
import { explained } from './explain.ts'
import { RecordingReaders } from './readers.ts'
import { shownRecording } from './shown.ts'

/** Which recordings somebody is shown: all, his own of this user's time, or none since a role denies it. */
type Sight =
  | { readonly kind: 'all' }
  | { readonly kind: 'own'; readonly user: string; readonly fromMs: number }
  | { readonly kind: 'none'; readonly by: string }

/**
 * What people do with recordings. The rule `session` shows them, with `list` or `read`; those of one's own sessions are shown without
 * it, unless a role denies. One that is not shown is answered like one that does not exist.
 */
export function recordingHandlers(
  deps: Pick<ApiDeps, 'recordings' | 'access' | 'clock'>,
  audit: ApiAudit,
): Pick<Handlers, 'recordings.list' | 'recordings.get' | 'recordings.chunk'> {
  const { recordings, access, clock } = deps
  const readers = new RecordingReaders(clock)

  const sightOf = ({ identity }: Caller, verb: 'list' | 'read'): Sight => {
    const snapshot = access.current()
    const subject = subjectOf(identity, snapshot)
    if (subject === null) return { kind: 'none', by: 'this user does not exist any more' }
    const decision = decideApi(subject, 'session', verb)
    if (decision.effect === 'allow') return { kind: 'all' }
    if (decision.by !== null) return { kind: 'none', by: `denied by ${describeRule(decision.by)}` }
    // Sessions of somebody who had the name before are not his.
    const fromMs = snapshot.users.get(subject.user)?.createdMs ?? 0
    return { kind: 'own', user: subject.user, fromMs }
  }

  const seen = async (caller: Caller, id: string): Promise<Recording> => {
    const sight = sightOf(caller, 'read')
    const recording = sight.kind === 'none' ? null : await recordings.get(id)
    if (recording === null || !shows(sight, recording)) {
      throw new ApiError('NOT_FOUND', `there is no recording ${id}, or none that you may see`)
    }
    return recording
  }

  return {
    'recordings.list': async ({ caller, query }) => {
      const sight = sightOf(caller, 'list')
      if (sight.kind === 'none') {
        throw new ApiError('ACCESS_DENIED', `you may not list session: ${sight.by}`, {
          facts: { resource: 'session', verb: 'list' },
        })
      }
      if (sight.kind === 'own' && (query.user ?? sight.user) !== sight.user) {
        return { items: [], next: null }
      }
      const user = sight.kind === 'own' ? sight.user : query.user
      const fromMs = Math.max(
        sight.kind === 'own' ? sight.fromMs : 0,
        query.from === undefined ? 0 : instantOf('from', query.from),
      )
      const page = await explained(
        recordings.list({
          limit: query.limit ?? DEFAULT_PAGE_ITEMS,
          fromMs,
          ...(user === undefined ? {} : { user }),
          ...(query.after === undefined ? {} : { after: query.after }),
          ...(query.kube_cluster === undefined ? {} : { kubeCluster: query.kube_cluster }),
          ...(query.namespace === undefined ? {} : { namespace: query.namespace }),
          ...(query.pod === undefined ? {} : { pod: query.pod }),
          ...(query.kind === undefined ? {} : { kind: query.kind }),
          ...(query.to === undefined ? {} : { toMs: instantOf('to', query.to) }),
        }),
      )
      const nowMs = clock.now()
      return { items: page.items.map((item) => shownRecording(item, nowMs)), next: page.next }
    },

    'recordings.get': async ({ caller, params }) =>
      shownRecording(await seen(caller, params.id), clock.now()),

    'recordings.chunk': async ({ caller, params }) => {
      const { facts } = await seen(caller, params.id)
      const index = Number(params.index)
      const chunk = await explained(recordings.readChunk(params.id, index))
      if (readers.isNews(caller.user, params.id, index)) {
        await audit.note(caller, 'session.recording.access', {
          sid: params.id,
          session_type: 'k8s',
          kubernetes_cluster: facts.kubeCluster,
          session_user: facts.user,
        })
        readers.told(caller.user, params.id)
      }
      return chunk
    },
  }
}

const shows = (sight: Sight, { facts }: Recording): boolean =>
  sight.kind === 'all' ||
  (sight.kind === 'own' && facts.user === sight.user && facts.startedMs >= sight.fromMs)
