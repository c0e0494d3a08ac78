import { createHash } from 'node:crypto'
import { NO_CHUNKS, nextChain, type SessionFacts } from '../../../src/recording/index.ts'
import type { RecordingEnd, RecordingHead } from '../../../src/recordings/index.ts'
import { sessionFacts } from '../../support/session-facts.ts'

export const START_MS = 1_764_000_000_000

/** The id of the n-th session. */
export const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

/** What is known of the n-th session, which began n seconds after the first. */
export const factsOf = (n: number, but: Partial<SessionFacts> = {}): SessionFacts =>
  sessionFacts({
    sessionId: idOf(n),
    command: ['sh', '-c', 'echo "ä\n"'],
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
