import type { HostAuthority } from './host-ca.ts'

/** What is known of a proxy's authorities when they are judged. */
export interface TrustQuestion {
  /** What the other end says; proof of nothing. */
  readonly offered: readonly HostAuthority[]
  /** Kept from an earlier login; null at first use. */
  readonly known: readonly HostAuthority[] | null
  /** What `--ca-pin` says. */
  readonly pins: readonly string[]
  readonly insecure: boolean
  /** A person at a terminal can look at the fingerprint. */
  readonly canAsk: boolean
}

export type TrustDecision =
  /** Verify the connection against these, and no others. */
  | {
      readonly verdict: 'trust'
      readonly authorities: readonly HostAuthority[]
      readonly by: 'pin' | 'known' | 'insecure'
    }
  | { readonly verdict: 'ask' }
  | { readonly verdict: 'refuse'; readonly because: 'changed' | 'pin-mismatch' | 'unknown' }

/**
 * Whom to believe before a password is sent. A pin that a person gives beats what is kept, since he has it from the
 * administrator; `--insecure` beats nothing that is kept.
 */
export function decideTrust(question: TrustQuestion): TrustDecision {
  const { offered, known, pins, insecure, canAsk } = question
  if (pins.length > 0) {
    const pinned = offered.filter(({ pin }) => pins.includes(pin))
    return pinned.length === 0
      ? { verdict: 'refuse', because: 'pin-mismatch' }
      : { verdict: 'trust', authorities: pinned, by: 'pin' }
  }
  if (known !== null) {
    const kept = new Set(known.map(({ pin }) => pin))
    return offered.some(({ pin }) => kept.has(pin))
      ? { verdict: 'trust', authorities: known, by: 'known' }
      : { verdict: 'refuse', because: 'changed' }
  }
  if (insecure) return { verdict: 'trust', authorities: offered, by: 'insecure' }
  return canAsk ? { verdict: 'ask' } : { verdict: 'refuse', because: 'unknown' }
}
