import type { Socket } from 'node:net'

/** Opens a connection that offers these protocols by ALPN. Rejects with an UpstreamFailure. */
export type Dial = (alpn: readonly string[], signal: AbortSignal) => Promise<Socket>
