import type { RecordingTarget } from '../../recordings/index.ts'
import type { ApiDeps, Member } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { instantOf } from '../instant.ts'
import { RECORDING_AHEAD_MS } from '../limits.ts'
import { explained } from './explain.ts'
import { headOf } from './shown.ts'

/**
 * What kubernetes services call to deliver recordings. One may write those of clusters that it serves, in its own name, and add
 * nothing to what another brought.
 */
export function memberRecordingHandlers(
  deps: Pick<ApiDeps, 'recordings' | 'kubeClusters' | 'clusterName' | 'clock'>,
  intake: RecordingTarget,
): Pick<Handlers, 'member.recording_begin' | 'member.recording_chunk' | 'member.recording_end'> {
  /** What another service brings is to the caller as if it were not there; what cannot be read now is no such thing. */
  const assertOwn = async ({ identity }: Member, id: string): Promise<void> => {
    const recording = await explained(deps.recordings.get(id))
    if (recording?.facts.serverId === identity.hostId) return
    throw new ApiError('NOT_FOUND', `there is no recording ${id} of this service`)
  }

  return {
    'member.recording_begin': async ({ caller, params, body }) => {
      const { hostId } = caller.identity
      if (body.server_id !== hostId) {
        throw new ApiError('BAD_REQUEST', 'body/server_id: it names another service')
      }
      const startedMs = instantOf('body/started', body.started)
      if (startedMs > deps.clock.now() + RECORDING_AHEAD_MS) {
        // In a while it is not: a service that is told so keeps it, and brings it again.
        throw new ApiError(
          'RECORDING_AHEAD',
          'body/started: it is in the future: is a clock wrong?',
        )
      }
      if (!(await deps.kubeClusters.announced(hostId, body.kube_cluster))) {
        throw new ApiError(
          'ACCESS_DENIED',
          'the recording is of a Kubernetes cluster that the service may not serve',
        )
      }
      await explained(intake.begin(headOf(params.id, body, deps.clusterName)))
      return {}
    },

    'member.recording_chunk': async ({ caller, params, body }) => {
      await assertOwn(caller, params.id)
      await explained(intake.putChunk(params.id, Number(params.index), body))
      return {}
    },

    'member.recording_end': async ({ caller, params, body }) => {
      await assertOwn(caller, params.id)
      const { exit_code: exitCode = null, ended, ...end } = body
      await explained(
        intake.end(params.id, {
          ...end,
          exitCode,
          endedMs: instantOf('body/ended', ended),
        }),
      )
      return {}
    },
  }
}
