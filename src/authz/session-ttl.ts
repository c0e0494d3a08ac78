import type { Role } from './types.ts'

/** How long a certificate may live: what was asked, cut by the shortest `max_session_ttl`, and the role that cut it. */
export function sessionTtl(
  roles: readonly Role[],
  requestedMs: number,
): { readonly ttlMs: number; readonly cappedBy: string | null } {
  let ttlMs = requestedMs
  let cappedBy: string | null = null
  for (const { name, options } of roles) {
    if (options.maxSessionTtlMs !== null && options.maxSessionTtlMs < ttlMs) {
      ttlMs = options.maxSessionTtlMs
      cappedBy = name
    }
  }
  return { ttlMs, cappedBy }
}
