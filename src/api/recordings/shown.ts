import type { RecordingFacts, RecordingResource } from '../../contract/index.ts'
import { type Recording, type RecordingHead, toldFacts } from '../../recordings/index.ts'
import { RECORDING_SILENT_MS } from '../limits.ts'

/** A recording as the API tells it, at a moment. */
export function shownRecording(recording: Recording, nowMs: number): RecordingResource {
  const { facts, end } = recording
  return {
    session_id: facts.sessionId,
    ...toldFacts(facts),
    encrypted: recording.encrypted,
    state: stateOf(recording, nowMs),
    chunks: recording.chunks,
    size: recording.size,
    bytes: end?.bytes ?? null,
    sha256: end?.sha256 ?? null,
    ended: end === null ? null : new Date(end.endedMs).toISOString(),
    duration_ms: end === null ? null : Math.max(0, end.endedMs - facts.startedMs),
    exit_code: end?.exitCode ?? null,
    reason: end?.reason ?? null,
  }
}

function stateOf({ end, heardMs }: Recording, nowMs: number): RecordingResource['state'] {
  if (end !== null) return end.cut ? 'cut' : 'complete'
  return nowMs - heardMs < RECORDING_SILENT_MS ? 'live' : 'incomplete'
}

/** What a service says when a recording begins; `started` was found to be a time. */
export const headOf = (
  id: string,
  { started, encrypted, ...facts }: RecordingFacts,
  teleportCluster: string,
): RecordingHead => ({
  encrypted,
  facts: {
    sessionId: id,
    kind: facts.kind,
    user: facts.user,
    roles: facts.roles,
    teleportCluster,
    kubeCluster: facts.kube_cluster,
    namespace: facts.namespace,
    pod: facts.pod,
    container: facts.container,
    node: facts.node,
    image: facts.image,
    serverId: facts.server_id,
    protocol: facts.protocol,
    command: facts.command,
    tty: facts.tty,
    startedMs: Date.parse(started),
  },
})
