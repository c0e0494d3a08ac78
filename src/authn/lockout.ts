/** How attempts of one user name, or of one address, are slowed down. */
export interface LockoutRules {
  /** So many failures cost nothing: people mistype. */
  readonly freeFailures: number
  /** The wait after the first failure beyond; each further one doubles it. */
  readonly firstWaitMs: number
  readonly lastWaitMs: number
  /** One failure is forgotten in this time. */
  readonly forgetMs: number
}

/** What is remembered of a user name or an address. */
export interface Lockout {
  readonly failures: number
  /** Until when failures were forgotten, in milliseconds since the epoch. */
  readonly asOfMs: number
  /** No attempt counts before; milliseconds since the epoch. */
  readonly waitUntilMs: number
}

export const freshLockout = (nowMs: number): Lockout => ({
  failures: 0,
  asOfMs: nowMs,
  waitUntilMs: 0,
})

/** The state as of now. A clock that was set back neither forgets nor makes anybody wait for longer than the longest wait. */
export function settled(state: Lockout, rules: LockoutRules, nowMs: number): Lockout {
  const passedMs = nowMs - state.asOfMs
  const forgotten = Math.max(0, Math.floor(passedMs / rules.forgetMs))
  return {
    failures: Math.max(0, state.failures - forgotten),
    asOfMs: passedMs < 0 ? nowMs : state.asOfMs + forgotten * rules.forgetMs,
    waitUntilMs: Math.min(state.waitUntilMs, nowMs + rules.lastWaitMs),
  }
}

/** How long nobody may try; 0: now. */
export const waitMs = (state: Lockout, nowMs: number): number =>
  Math.max(0, state.waitUntilMs - nowMs)

/** After an attempt that failed, or that began: it counts as failed until it is known to be better. */
export function afterFailure(state: Lockout, rules: LockoutRules, nowMs: number): Lockout {
  const failures = state.failures + 1
  const beyond = failures - rules.freeFailures
  const wait =
    beyond < 0 ? 0 : Math.min(rules.lastWaitMs, rules.firstWaitMs * 2 ** Math.min(beyond, 30))
  return { ...state, failures, waitUntilMs: wait === 0 ? state.waitUntilMs : nowMs + wait }
}

/** After an attempt that was counted as failed turned out not to be one. */
export const afterWithdrawal = (state: Lockout): Lockout => ({
  ...state,
  failures: Math.max(0, state.failures - 1),
  waitUntilMs: 0,
})
