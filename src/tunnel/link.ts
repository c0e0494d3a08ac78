import type { TunnelLimits } from './limits.ts'

/** Where an agent is with one proxy. Sessions that drain live beside it, until their last stream has ended. */
export type LinkState =
  | { readonly kind: 'waiting'; readonly failures: number; readonly forMs: number }
  | { readonly kind: 'connecting'; readonly failures: number }
  | { readonly kind: 'up'; readonly sinceMs: number; readonly failures: number }
  /** The address leads to a proxy to which another link has a tunnel; null: until that changes. */
  | { readonly kind: 'spare'; readonly failures: number; readonly forMs: number | null }
  | { readonly kind: 'stopped' }

export type LinkEvent =
  /** The wait is over. */
  | { readonly kind: 'due' }
  /** The proxy has taken the tunnel. */
  | { readonly kind: 'taken' }
  /** No tunnel came of it. */
  | { readonly kind: 'failed' }
  /** Another link has the tunnel to the proxy that answered. `lacking`: there are proxies that might answer the next time. */
  | { readonly kind: 'spare'; readonly lacking: boolean }
  /** Proxies or tunnels to them are not what they were: a spare link may be needed. */
  | { readonly kind: 'wanted' }
  /** The tunnel is gone. */
  | { readonly kind: 'lost' }
  /** The tunnel serves on for what it has, and another must replace it: the proxy leaves, or our certificate is a new one. */
  | { readonly kind: 'outdated' }
  | { readonly kind: 'stop' }

export type LinkEffect = 'connect' | 'wait' | 'drainOthers' | 'stop'

export interface LinkStep {
  readonly state: LinkState
  readonly effects: readonly LinkEffect[]
}

/** What happens next. `random` is in [0, 1). Events that a state does not expect change nothing: they come late. */
export function stepLink(
  state: LinkState,
  event: LinkEvent,
  { nowMs, random, limits }: { nowMs: number; random: number; limits: TunnelLimits },
): LinkStep {
  if (state.kind === 'stopped') return { state, effects: [] }
  const wait = (failures: number): LinkStep => {
    const most = Math.min(limits.maxBackoffMs, limits.backoffMs * 2 ** Math.min(failures, 16))
    // Five thousand agents that lost one proxy must not come back in the same moment.
    return { state: { kind: 'waiting', failures, forMs: random * most }, effects: ['wait'] }
  }
  const stay: LinkStep = { state, effects: [] }
  switch (event.kind) {
    case 'stop':
      return { state: { kind: 'stopped' }, effects: ['stop'] }
    case 'due':
      return state.kind === 'waiting' || state.kind === 'spare'
        ? { state: { kind: 'connecting', failures: state.failures }, effects: ['connect'] }
        : stay
    case 'taken':
      return state.kind === 'connecting'
        ? {
            state: { kind: 'up', sinceMs: nowMs, failures: state.failures },
            effects: ['drainOthers'],
          }
        : stay
    case 'failed':
      return state.kind === 'connecting' ? wait(state.failures + 1) : stay
    case 'spare': {
      if (state.kind !== 'connecting' && state.kind !== 'spare') return stay
      const failures = state.failures + 1
      const most = Math.min(limits.maxSpareMs, limits.backoffMs * 2 ** Math.min(failures, 16))
      const forMs = event.lacking ? random * most : null
      return { state: { kind: 'spare', failures, forMs }, effects: ['wait'] }
    }
    case 'wanted':
      // Whose tunnel was lost is back by itself most times, and then nothing is to be done here.
      return state.kind === 'spare'
        ? {
            state: { kind: 'spare', failures: 0, forMs: (1 + random) * limits.spareLookMs },
            effects: ['wait'],
          }
        : stay
    case 'lost':
    case 'outdated':
      if (state.kind !== 'up') return stay
      // One that is taken and lost at once is no better than one that is refused.
      return wait(nowMs - state.sinceMs >= limits.steadyAfterMs ? 0 : state.failures + 1)
  }
}
