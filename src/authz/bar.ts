import { sameHost } from '../core/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import { MAX_LOCKS_AGE_MS } from './limits.ts'
import { describeLock, type Lock, lockWords } from './locks.ts'
import { describeRule, ruleOf } from './rule-ref.ts'
import type { Role, RoleOptions, SessionOptions } from './types.ts'

export type BarCode = 'LOCKED' | 'LOCKS_STALE' | 'ADDRESS_PINNED' | 'ADDRESS_NOT_PINNED'

/** Why a person may do nothing at all, whatever his roles allow. */
export interface Bar {
  readonly code: BarCode
  /** For the person, with the next step. */
  readonly message: string
  /** The lock or the role's option that bars, for the audit log; null: the certificate itself. */
  readonly by: string | null
}

/** What is known of the person at one moment. */
export interface Standing {
  readonly identity: UserIdentity
  /** Where the request comes from. */
  readonly address: string
  /** The person's roles as of now, with those that only restrict. */
  readonly roles: readonly Role[]
  /** What these roles say together. */
  readonly options: SessionOptions
  readonly lock: Lock | null
  /** How old what is known of locks is. */
  readonly locksAgeMs: number
}

/** Null: the person may go on. A lock first, since it has words of its own. */
export function barOf({
  identity,
  address,
  roles,
  options,
  lock,
  locksAgeMs,
}: Standing): Bar | null {
  if (lock !== null) return { code: 'LOCKED', message: lockWords(lock), by: describeLock(lock) }
  if (options.lock === 'strict' && locksAgeMs > MAX_LOCKS_AGE_MS) {
    return {
      code: 'LOCKS_STALE',
      message:
        'it is not known at present who is locked out, and a role of yours needs that: try again in a while',
      by: optionRule(roles, 'lock', (role) => role.lock === 'strict'),
    }
  }
  const { pinnedAddress } = identity
  if (pinnedAddress !== null && !sameHost(pinnedAddress, address)) {
    return {
      code: 'ADDRESS_PINNED',
      message: 'this certificate may be used from the address of its login only: log in again',
      by: null,
    }
  }
  if (options.pinSourceIp && pinnedAddress === null) {
    return {
      code: 'ADDRESS_NOT_PINNED',
      message:
        'a role of yours wants a certificate that is bound to your address, and this one is not: log in again (for robots: tctl auth sign --pin-address)',
      by: optionRule(roles, 'pin_source_ip', (role) => role.pinSourceIp),
    }
  }
  return null
}

/** `role "prod" options.pin_source_ip`: the option that restricts, of the first of these roles that has it. */
export function optionRule(
  roles: readonly Role[],
  option: string,
  has: (options: RoleOptions) => boolean,
): string | null {
  const rule = ruleOf(
    roles.filter(({ options }) => has(options)),
    'options',
    option,
  )
  return rule === null ? null : describeRule(rule)
}
