import { createHash } from 'node:crypto'
import { NO_CHUNKS, nextChain, type SessionFacts } from '../../../src/recording/index.ts'
import type { RecordingEnd, RecordingHead } from '../../../src/recordings/index.ts'

export const START_MS = 1_764_000_000_000

/** The id of the n-th session. */
export const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** What is known of the n-th session, which began n seconds after the first. */
export const factsOf = (n: number, but: Partial<SessionFacts> = {}): SessionFacts => ({
  sessionId: idOf(n),
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
  command: ['sh', '-c', 'echo "ä\n"'],
  tty: true,
  startedMs: START_MS + n * 1000,
  ...but,
})

export const headOf = (n: number, but: Partial<SessionFacts> = {}): RecordingHead => ({
  facts: factsOf(n, but),
  encrypted: false,
})

export const endOf = (
  chunks: readonly Uint8Array[],
  but: Partial<RecordingEnd> = {},
): RecordingEnd => {
  let chain: Buffer = NO_CHUNKS
  for (const chunk of chunks) {
    chain = nextChain(chain, createHash('sha256').update(chunk).digest())
  }
  return {
    chunks: chunks.length,
    bytes: 1234,
    sha256: chain.toString('hex'),
    endedMs: START_MS + 60_000,
    exitCode: 0,
    reason: 'exited',
    cut: false,
    ...but,
  }
}
