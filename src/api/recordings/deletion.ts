import { eventTime } from '../../audit/index.ts'
import type { Recording } from '../../recordings/index.ts'

/** What the audit log keeps of a recording that is removed: whose it was, of what, and the hash that `session.upload` told. */
export const deletionOf = ({ facts, end, size }: Recording): Readonly<Record<string, unknown>> => ({
  sid: facts.sessionId,
  session_type: 'k8s',
  session_user: facts.user,
  session_start: eventTime(facts.startedMs),
  kubernetes_cluster: facts.kubeCluster,
  stored_bytes: size,
  ...(end === null ? {} : { sha256: end.sha256 }),
})
