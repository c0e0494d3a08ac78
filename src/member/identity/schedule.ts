import { RENEW_AT, RENEW_JITTER, RETRY_FIRST_MS, RETRY_LAST_MS } from '../limits.ts'

/** When a certificate is to be renewed, in milliseconds since the epoch: at half of its life, a little before or after. Pure. */
export function renewAtMs(
  { issuedAtMs, expiresAtMs }: { readonly issuedAtMs: number; readonly expiresAtMs: number },
  random: number,
): number {
  const lifeMs = expiresAtMs - issuedAtMs
  return Math.round(issuedAtMs + lifeMs * (RENEW_AT + (random - 0.5) * RENEW_JITTER))
}

/** How long to wait after a number of failures, in milliseconds: between half of it and all of it. Pure. */
export function retryDelayMs(failures: number, random: number): number {
  const most = Math.min(
    RETRY_LAST_MS,
    RETRY_FIRST_MS * 2 ** Math.min(Math.max(0, failures - 1), 30),
  )
  return Math.round(most * (0.5 + random / 2))
}
