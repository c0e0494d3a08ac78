import { randomUUID } from 'node:crypto'
import type { ReportedSession } from '../../src/contract/index.ts'

/** A session as a service tells the auth service of it; who says when it began says so in `but`. */
export const reportedSession = (
  but: Partial<ReportedSession> & Pick<ReportedSession, 'started'>,
): ReportedSession => ({
  session_id: randomUUID(),
  kind: 'exec',
  user: 'alice',
  kube_cluster: 'west',
  namespace: 'team',
  pod: 'web-0',
  container: 'main',
  node: 'node-1',
  image: 'web:1',
  command: ['sh', '-c', 'date'],
  tty: true,
  protocol: 'v5.channel.k8s.io',
  address: '192.0.2.7:4711',
  recording: true,
  ...but,
})
