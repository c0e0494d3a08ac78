import { barOf, optionRule } from '../authz/index.ts'
import { formatDuration } from '../core/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import type { Connection, PersonHere } from './connection.ts'
import type { AccessSnapshot, AccessSnapshots } from './ports.ts'
import type { Refusal } from './refusal.ts'
import type { StreamKind } from './stream-kind.ts'

/** Why nobody may do anything now: what is known of users and roles is from too long ago. */
export function tooOld(access: AccessSnapshots, nowMs: number): Refusal | null {
  const sinceMs = access.tooOldSinceMs(nowMs)
  if (sinceMs === null) return null
  return {
    code: 'STATE_TOO_OLD',
    reason: 'ServiceUnavailable',
    message: `the auth service was not heard of since ${new Date(sinceMs).toISOString()}: who may do what is not known any more, try again later`,
  }
}

/** Why a person may do nothing here now, whatever the roles allow: locked out, or from a foreign address. */
export function barred(
  access: AccessSnapshots,
  snapshot: AccessSnapshot,
  person: {
    readonly identity: UserIdentity
    readonly address: string
    readonly here: Pick<PersonHere, 'subject' | 'options'>
  },
  nowMs: number,
): Refusal | null {
  const { identity, address, here } = person
  const old = tooOld(access, nowMs)
  if (old !== null) return old
  const bar = barOf({
    identity,
    address,
    roles: here.subject.roles,
    options: here.options,
    lock: snapshot.lockOf(identity, nowMs),
    locksAgeMs: access.locksAgeMs(nowMs),
  })
  if (bar === null) return null
  return { ...bar, reason: bar.code === 'LOCKS_STALE' ? 'ServiceUnavailable' : 'Forbidden' }
}

/** What time does to an exchange that goes on, and no change of roles or locks tells of. */
export function timeIsOver(
  access: AccessSnapshots,
  going: {
    readonly connection: Connection
    readonly identity: UserIdentity
    readonly stream: StreamKind | null
    readonly expiresAtMs: number
  },
  nowMs: number,
  heardMs: number,
): Refusal | null {
  const { connection, identity, stream, expiresAtMs } = going
  const snapshot = access.current()
  const here = connection.accessOf(identity, snapshot)
  // Who is gone was cut when he went.
  if (here === null) return null
  const { options, subject } = here
  if (options.disconnectExpiredCert && nowMs > expiresAtMs) {
    return {
      code: 'CERT_EXPIRED',
      reason: 'Unauthorized',
      message: `the certificate expired at ${new Date(expiresAtMs).toISOString()}: log in again`,
      by: optionRule(
        subject.roles,
        'disconnect_expired_cert',
        (role) => role.disconnectExpiredCert,
      ),
    }
  }
  const { clientIdleTimeoutMs } = options
  if (stream !== null && clientIdleTimeoutMs !== null && nowMs - heardMs >= clientIdleTimeoutMs) {
    return {
      code: 'CLIENT_IDLE',
      reason: 'Timeout',
      message: `nothing came from you for ${formatDuration(clientIdleTimeoutMs)}, after which a role of yours ends streams`,
      by: optionRule(
        subject.roles,
        'client_idle_timeout',
        (role) => role.clientIdleTimeoutMs === clientIdleTimeoutMs,
      ),
    }
  }
  if (options.lock !== 'strict') return tooOld(access, nowMs)
  const address = connection.origin.address
  return barred(access, snapshot, { identity, address, here }, nowMs)
}
