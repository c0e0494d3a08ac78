import { barOf, type Subject, sessionOptions } from '../../authz/index.ts'
import { hostOf } from '../../core/index.ts'
import type { AccessSnapshot } from '../access-state.ts'
import type { ApiDeps, Caller } from '../context.ts'
import { ApiError } from '../errors.ts'

/**
 * Throws when a person may not call at all, whatever the endpoint: from a foreign address, locked out, or when nobody
 * can know whether he is. The administrator of the machine and services are no persons: they cannot be locked out.
 */
export function assertUnbarred(
  { access, clock }: Pick<ApiDeps, 'access' | 'clock'>,
  { identity, address }: Pick<Caller, 'identity' | 'address'>,
  subject: Subject | null,
  snapshot: AccessSnapshot,
): void {
  if (identity.kind !== 'user' || subject === null) return
  const nowMs = clock.now()
  const bar = barOf({
    identity,
    address: hostOf(address),
    roles: subject.roles,
    options: sessionOptions(subject.roles),
    lock: snapshot.lockOf(identity, nowMs),
    locksAgeMs: access.locksAgeMs(nowMs),
  })
  if (bar !== null) throw new ApiError(bar.code, bar.message, { facts: { by: bar.by } })
}
