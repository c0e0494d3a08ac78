import { type ReportedSession, type SessionResource, shortCommand } from '../../contract/index.ts'
import type { LiveSession } from './ports.ts'
import type { KnownSession } from './registry.ts'

/** A session as the API tells it. */
export const shownSession = (session: KnownSession): SessionResource => ({
  session_id: session.sessionId,
  kind: session.kind,
  user: session.user,
  kube_cluster: session.kubeCluster,
  namespace: session.namespace,
  pod: session.pod,
  container: session.container,
  node: session.node,
  image: session.image,
  command: shortCommand(session.command),
  tty: session.tty,
  protocol: session.protocol,
  address: session.address,
  started: new Date(session.startedMs).toISOString(),
  recording: session.recording,
  server_id: session.hostId,
})

/** A session as a service says it. A service's clock may be wrong: what begins in the future begins now, and nothing before 1970. */
export const sessionOf = (
  { started, session_id: sessionId, kube_cluster: kubeCluster, ...rest }: ReportedSession,
  nowMs: number,
): LiveSession => {
  const ms = Date.parse(started)
  return {
    ...rest,
    sessionId,
    kubeCluster,
    startedMs: Number.isNaN(ms) ? nowMs : Math.min(Math.max(0, ms), nowMs),
  }
}
