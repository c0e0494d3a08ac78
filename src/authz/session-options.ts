import type { Role, RoleOptions, SessionOptions } from './types.ts'

/**
 * What holds for a session of somebody with these roles: every restriction of any of them, and of two the stricter, so
 * one more role never loosens. Pure, and the same for any order of roles.
 */
export function sessionOptions(roles: readonly Role[]): SessionOptions {
  const any = (holds: (options: RoleOptions) => boolean): boolean =>
    roles.some(({ options }) => holds(options))
  const timeouts = roles.flatMap(({ options }) => options.clientIdleTimeoutMs ?? [])
  const counts = roles.flatMap(({ options }) => options.maxKubernetesConnections ?? [])
  return {
    clientIdleTimeoutMs: timeouts.length === 0 ? null : Math.min(...timeouts),
    disconnectExpiredCert: any((options) => options.disconnectExpiredCert),
    pinSourceIp: any((options) => options.pinSourceIp),
    lock: any((options) => options.lock === 'strict') ? 'strict' : 'best_effort',
    recordSession: any((options) => options.recordSession === 'strict') ? 'strict' : 'best_effort',
    recordStdin: any((options) => options.recordStdin),
    maxKubernetesConnections: counts.length === 0 ? null : Math.min(...counts),
  }
}

/** Whether a role restricts sessions at all. */
export function restrictsSessions(role: Role): boolean {
  const options = sessionOptions([role])
  return (
    options.clientIdleTimeoutMs !== null ||
    options.disconnectExpiredCert ||
    options.pinSourceIp ||
    options.lock === 'strict' ||
    options.recordSession === 'strict' ||
    options.recordStdin ||
    options.maxKubernetesConnections !== null
  )
}
