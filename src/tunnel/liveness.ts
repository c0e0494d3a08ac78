import type { TunnelLimits } from './limits.ts'

/** When a peer was last heard, and since when it is asked. Whatever arrives counts: a PING waits behind a full line. */
export interface Liveness {
  readonly bytesSeen: number
  readonly heardMs: number
  /** Null: it was not asked since it was heard. */
  readonly askedMs: number | null
}

export type LivenessVerdict = 'alive' | 'ask' | 'dead'

/**
 * `bytesSeen`: all that the peer has sent so far. Nobody is dead who was not asked, and given the time between the two limits, less
 * one look: `nowMs` jumps when a clock is set, and when a machine has slept.
 */
export function watchLiveness(
  before: Liveness,
  bytesSeen: number,
  nowMs: number,
  {
    pingAfterMs,
    deadAfterMs,
    lookMs,
  }: Pick<TunnelLimits, 'pingAfterMs' | 'deadAfterMs' | 'lookMs'>,
): { readonly verdict: LivenessVerdict; readonly liveness: Liveness } {
  // A clock that was set back must not make a silence longer than it is allowed to be.
  const wasHeardLater = nowMs < before.heardMs
  if (bytesSeen !== before.bytesSeen || wasHeardLater) {
    return { verdict: 'alive', liveness: { bytesSeen, heardMs: nowMs, askedMs: null } }
  }
  const { heardMs, askedMs } = before
  const silentMs = nowMs - heardMs
  if (askedMs === null) {
    return silentMs >= pingAfterMs
      ? { verdict: 'ask', liveness: { ...before, askedMs: nowMs } }
      : { verdict: 'alive', liveness: before }
  }
  const hadTime = nowMs - askedMs >= deadAfterMs - pingAfterMs - lookMs
  return { verdict: silentMs >= deadAfterMs && hadTime ? 'dead' : 'alive', liveness: before }
}
