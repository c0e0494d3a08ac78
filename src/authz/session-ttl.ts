import type { Role } from './types.ts'

/**
 * How long a certificate may live, in milliseconds: what was asked, cut by the shortest `max_session_ttl`, and the role
 * that cut it (the first by name, when several say the same).
 */
export function sessionTtl(
  roles: readonly Role[],
  requestedMs: number,
): { readonly ttlMs: number; readonly cappedBy: string | null } {
  let ttlMs = requestedMs
  let cappedBy: string | null = null
  for (const { name, options } of roles) {
    const limitMs = options.maxSessionTtlMs
    if (limitMs === null) continue
    if (limitMs < ttlMs || (limitMs === ttlMs && cappedBy !== null && name < cappedBy)) {
      ttlMs = limitMs
      cappedBy = name
    }
  }
  return { ttlMs, cappedBy }
}
