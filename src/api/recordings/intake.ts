import { type AuditLog, eventBase, eventUidOf } from '../../audit/index.ts'
import type { Clock } from '../../core/index.ts'
import type { RecordingStore, RecordingTarget } from '../../recordings/index.ts'

/** Takes recordings into the store, from whoever may bring them, and audits each that is there. */
export function createRecordingIntake(deps: {
  readonly recordings: RecordingStore
  readonly audit: AuditLog
  readonly clusterName: string
  readonly clock: Clock
}): RecordingTarget {
  const { recordings, audit, clusterName, clock } = deps
  return {
    begin: (head) => recordings.begin(head),
    putChunk: (id, index, chunk) => recordings.putChunk(id, index, chunk),
    async end(id, end) {
      await recordings.complete(id, end)
      const recording = await recordings.get(id)
      if (recording === null) return
      const { facts, size } = recording
      // Under one uid, however often it is brought: nobody knows whether it was written when the process died behind `complete`.
      const uid = eventUidOf(end.endedMs, `session.upload ${id}`)
      await audit.append({
        ...eventBase('session.upload', { clusterName, nowMs: clock.now(), uid }),
        sid: id,
        user: facts.user,
        kubernetes_cluster: facts.kubeCluster,
        server_id: facts.serverId,
        session_type: 'k8s',
        session_chunks: end.chunks,
        session_bytes: end.bytes,
        stored_bytes: size,
        sha256: end.sha256,
        encrypted: recording.encrypted,
        cut: end.cut,
      })
    },
  }
}
