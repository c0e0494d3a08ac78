import { errorCode } from '../../core/index.ts'
import type { Recording } from '../../recordings/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps, Caller } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { instantOf } from '../instant.ts'
import { DEFAULT_PAGE_ITEMS } from '../limits.ts'
import { assertSight, type Sight, shows, sightOf } from '../sight.ts'
import { deletionOf } from './deletion.ts'
import { explained } from './explain.ts'
import { RecordingReaders } from './readers.ts'
import { shownRecording } from './shown.ts'

/**
 * What people do with recordings. The rule `session` shows them, with `list` or `read`; those of one's own sessions are shown without
 * it, unless a role denies. One that is not shown is answered like one that does not exist.
 */
export function recordingHandlers(
  deps: Pick<ApiDeps, 'recordings' | 'access' | 'clock'>,
  audit: ApiAudit,
): Pick<Handlers, 'recordings.list' | 'recordings.get' | 'recordings.chunk' | 'recordings.remove'> {
  const { recordings, access, clock } = deps
  const readers = new RecordingReaders(clock)

  /** That one is there which cannot be read is told to those alone who may see all. */
  const read = async (sight: Sight, id: string): Promise<Recording | null> => {
    try {
      return await explained(recordings.get(id))
    } catch (error) {
      if (sight.kind === 'all') throw error
      return null
    }
  }

  const seen = async (caller: Caller, id: string): Promise<Recording> => {
    const sight = sightOf(access, caller, 'session', 'read')
    const recording = sight.kind === 'none' ? null : await read(sight, id)
    if (recording === null || !shows(sight, recording.facts)) {
      throw new ApiError('NOT_FOUND', `there is no recording ${id}, or none that you may see`)
    }
    return recording
  }

  /** One that somebody may remove who may remove all; null when it is there, and cannot be read. */
  const removable = async (caller: Caller, id: string): Promise<Recording | null> => {
    const sight = sightOf(access, caller, 'session', 'delete')
    if (sight.kind !== 'all') {
      await seen(caller, id)
      const why = sight.kind === 'none' ? sight.by : 'no role of yours allows it'
      throw new ApiError(
        'ACCESS_DENIED',
        `you may not delete session: ${why}. An administrator can add a rule {resources: [session], verbs: [delete]} to one of your roles`,
        { facts: { resource: 'session', verb: 'delete' } },
      )
    }
    let recording: Recording | null
    try {
      recording = await explained(recordings.get(id))
    } catch (error) {
      if (errorCode(error) !== 'RECORDING_UNREADABLE') throw error
      return null
    }
    if (recording === null) throw new ApiError('NOT_FOUND', `there is no recording ${id}`)
    if (shownRecording(recording, clock.now()).state === 'live') {
      throw new ApiError(
        'CONFLICT',
        `the session of recording ${id} goes on: end it first ("tctl sessions rm ${id}"), and wait until its recording is whole`,
      )
    }
    return recording
  }

  return {
    'recordings.list': async ({ caller, query }) => {
      const sight: Sight = sightOf(access, caller, 'session', 'list')
      assertSight(sight, 'session', 'list')
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
      await readers.note(caller.user, params.id, index, () =>
        audit.note(caller, 'session.recording.access', {
          sid: params.id,
          session_type: 'k8s',
          kubernetes_cluster: facts.kubeCluster,
          session_user: facts.user,
        }),
      )
      return chunk
    },

    // Nobody removes his own by being who he is: it is the evidence of what he did.
    'recordings.remove': async ({ caller, params: { id } }) => {
      const recording = await removable(caller, id)
      const fields = recording === null ? { sid: id, session_type: 'k8s' } : deletionOf(recording)
      await audit.change(caller, 'session.recording.delete', fields, () => recordings.remove(id))
      return { recording: recording === null ? null : shownRecording(recording, clock.now()) }
    },
  }
}
