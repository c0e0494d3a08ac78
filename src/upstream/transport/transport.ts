import type { Socket } from 'node:net'
import type { DirectReads } from './direct-reads.ts'

/**
 * Opens a connection that offers these protocols by ALPN; with `reads`, what comes is for them alone. Rejects with an
 * UpstreamFailure.
 */
export type Dial = (
  alpn: readonly string[],
  signal: AbortSignal,
  reads?: DirectReads,
) => Promise<Socket>
