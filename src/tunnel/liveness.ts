import type { TunnelLimits } from './limits.ts'

/** When a peer was last heard, and whether it was asked since. Whatever arrives counts: a PING waits behind a full line. */
export interface Liveness {
  readonly bytesSeen: number
  readonly heardMs: number
  readonly asked: boolean
}

export type LivenessVerdict = 'alive' | 'ask' | 'dead'

/** `bytesSeen`: all that the peer has sent so far. */
export function watchLiveness(
  before: Liveness,
  bytesSeen: number,
  nowMs: number,
  { pingAfterMs, deadAfterMs }: Pick<TunnelLimits, 'pingAfterMs' | 'deadAfterMs'>,
): { readonly verdict: LivenessVerdict; readonly liveness: Liveness } {
  if (bytesSeen !== before.bytesSeen) {
    return { verdict: 'alive', liveness: { bytesSeen, heardMs: nowMs, asked: false } }
  }
  const silentMs = nowMs - before.heardMs
  if (silentMs >= deadAfterMs) return { verdict: 'dead', liveness: before }
  if (silentMs >= pingAfterMs && !before.asked) {
    return { verdict: 'ask', liveness: { ...before, asked: true } }
  }
  return { verdict: 'alive', liveness: before }
}
