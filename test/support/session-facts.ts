import type { SessionFacts } from '../../src/recording/index.ts'

/** What is known of a session of alice's, but for what a test says. */
export const sessionFacts = (but: Partial<SessionFacts> = {}): SessionFacts => ({
  sessionId: 'id',
  kind: 'exec',
  user: 'alice',
  roles: ['dev'],
  teleportCluster: 'example.com',
  kubeCluster: 'west',
  namespace: 'team',
  pod: 'web-0',
  container: 'main',
  node: 'node-1',
  image: 'web:1',
  serverId: '6a1f3a0e-0000-4000-8000-000000000001',
  protocol: 'v5.channel.k8s.io',
  command: ['sh'],
  tty: true,
  startedMs: 1_764_000_000_000,
  ...but,
})
