import type { RecordingFacts, RecordingEnd as ToldEnd } from '../../contract/index.ts'
import type { RecordingEnd, RecordingHead, RecordingTarget } from '../../recordings/index.ts'
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
  intake: Required<RecordingTarget>,
): Pick<
  Handlers,
  | 'member.recording_begin'
  | 'member.recording_chunk'
  | 'member.recording_end'
  | 'member.recording_whole'
> {
  /** What another service brings is to the caller as if it were not there; what cannot be read now is no such thing. */
  const assertOwn = async ({ identity }: Member, id: string): Promise<void> => {
    const recording = await explained(deps.recordings.get(id))
    if (recording?.facts.serverId === identity.hostId) return
    throw new ApiError('NOT_FOUND', `there is no recording ${id} of this service`)
  }

  /** The head of a recording that the service may bring. */
  const assertHead = async (
    { identity: { hostId } }: Member,
    id: string,
    facts: RecordingFacts,
  ): Promise<RecordingHead> => {
    if (facts.server_id !== hostId) {
      throw new ApiError('BAD_REQUEST', 'body/server_id: it names another service')
    }
    const startedMs = instantOf('body/started', facts.started)
    if (startedMs > deps.clock.now() + RECORDING_AHEAD_MS) {
      // In a while it is not: a service that is told so keeps it, and brings it again.
      throw new ApiError('RECORDING_AHEAD', 'body/started: it is in the future: is a clock wrong?')
    }
    if (!(await deps.kubeClusters.announced(hostId, facts.kube_cluster))) {
      throw new ApiError(
        'ACCESS_DENIED',
        'the recording is of a Kubernetes cluster that the service may not serve',
      )
    }
    return headOf(id, facts, deps.clusterName)
  }

  return {
    'member.recording_begin': async ({ caller, params, body }) => {
      await explained(intake.begin(await assertHead(caller, params.id, body)))
      return {}
    },

    'member.recording_chunk': async ({ caller, params, body }) => {
      await assertOwn(caller, params.id)
      await explained(intake.putChunk(params.id, Number(params.index), body))
      return {}
    },

    'member.recording_end': async ({ caller, params, body }) => {
      await assertOwn(caller, params.id)
      await explained(intake.end(params.id, endOf(body)))
      return {}
    },

    'member.recording_whole': async ({ caller, params, body }) => {
      const head = await assertHead(caller, params.id, body.facts)
      const chunk = Buffer.from(body.chunk, 'base64')
      await explained(intake.whole({ head, chunk, end: endOf(body.end) }))
      return {}
    },
  }
}

const endOf = ({ exit_code: exitCode, ended, ...end }: ToldEnd): RecordingEnd => ({
  ...end,
  exitCode: exitCode ?? null,
  endedMs: instantOf('body/ended', ended),
})
