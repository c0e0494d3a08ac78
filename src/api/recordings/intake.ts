import { type AuditLog, eventBase, eventUidOf } from '../../audit/index.ts'
import type { Clock } from '../../core/index.ts'
import type {
  KeptEnd,
  RecordingHead,
  RecordingStore,
  RecordingTarget,
} from '../../recordings/index.ts'

/** Takes recordings into the store, from whoever may bring them, and audits each that is there. */
export function createRecordingIntake(deps: {
  readonly recordings: RecordingStore
  readonly audit: AuditLog
  readonly clusterName: string
  readonly clock: Clock
}): Required<RecordingTarget> {
  const { recordings, audit, clusterName, clock } = deps
  /** Under one uid, however often it is brought: nobody knows whether it was written when the process died behind the store's answer. */
  const told = async (
    { facts, encrypted }: RecordingHead,
    { size, ...end }: KeptEnd,
  ): Promise<void> => {
    const uid = eventUidOf(end.endedMs, `session.upload ${facts.sessionId}`)
    await audit.append({
      ...eventBase('session.upload', { clusterName, nowMs: clock.now(), uid }),
      sid: facts.sessionId,
      // Of our API; where the store has it is the store's own affair.
      url: `/v1/recordings/${facts.sessionId}`,
      user: facts.user,
      kubernetes_cluster: facts.kubeCluster,
      server_id: facts.serverId,
      session_type: 'k8s',
      session_chunks: end.chunks,
      session_bytes: end.bytes,
      stored_bytes: size,
      sha256: end.sha256,
      encrypted,
      cut: end.cut,
    })
  }
  return {
    begin: (head) => recordings.begin(head),
    putChunk: (id, index, chunk) => recordings.putChunk(id, index, chunk),
    async end(id, end) {
      await recordings.complete(id, end)
      const recording = await recordings.get(id)
      if (recording !== null) await told(recording, { ...end, size: recording.size })
    },
    whole: async (whole) => told(whole.head, await recordings.putWhole(whole)),
  }
}
