import type { Traits, UserIdentity } from '../identity/index.ts'
import { effectiveSubject } from './effective-subject.ts'
import { type Lock, type Locks, lockTable, serverLockWords } from './locks.ts'
import { parseRole } from './parse-role.ts'
import type { Role, Subject } from './types.ts'

/** A user as decisions read it. */
export interface UserRecord {
  readonly name: string
  readonly roles: readonly string[]
  readonly traits: Traits
  /** Milliseconds since the epoch; 0 for who was there before this was noted. */
  readonly createdMs: number
}

/** Roles, users and locks of one moment. `revision` grows with each change. */
export interface AccessView {
  readonly revision: number
  readonly roles: ReadonlyMap<string, Role>
  readonly users: ReadonlyMap<string, UserRecord>
  readonly locks: Locks
  /** The person as of now, or null when the user is gone. */
  subject(identity: UserIdentity): Subject | null
  /** The lock that is in force against a certificate's holder, by name or by a role of today or of the certificate. */
  lockOf(identity: UserIdentity, nowMs: number): Lock | null
  /** Why a service of ours is none any more, or not now, whatever its certificate says; null: it is. */
  hostBar(hostId: string, nowMs: number): string | null
}

/** The maps are the view's own from now on. */
export function accessView(facts: {
  readonly revision: number
  readonly roles: ReadonlyMap<string, Role>
  readonly users: ReadonlyMap<string, UserRecord>
  readonly locks: readonly Lock[]
  /** Host ids of services that were removed, while their certificates may still be about. */
  readonly removedHosts: ReadonlySet<string>
}): AccessView {
  const { revision, roles, users } = facts
  const locks = lockTable(facts.locks)
  return {
    revision,
    roles,
    users,
    locks,
    subject: (identity) => effectiveSubject(identity, users.get(identity.user) ?? null, roles),
    hostBar(hostId, nowMs) {
      if (facts.removedHosts.has(hostId)) {
        return `host ${hostId} was removed from this Teleport cluster`
      }
      const lock = locks.onServer(hostId, nowMs)
      return lock === null ? null : serverLockWords(lock, hostId)
    },
    lockOf: ({ user, roles: certified }, nowMs) => lockOf({ users, locks }, user, certified, nowMs),
  }
}

/**
 * The lock that is in force against a user with these roles and those that the user has today; null when there is none.
 * Pure: `nowMs` decides whether a lock has ended.
 */
export const lockOf = (
  { users, locks }: Pick<AccessView, 'users' | 'locks'>,
  user: string,
  roles: readonly string[],
  nowMs: number,
): Lock | null => locks.inForce(user, [...roles, ...(users.get(user)?.roles ?? [])], nowMs)

/**
 * A role that was stored. One that this version cannot read may hold a restriction: whoever has it is denied everything, and
 * `onUnreadable` hears why.
 */
export function storedRole(
  name: string,
  resource: unknown,
  onUnreadable: (error: unknown) => void,
): Role {
  try {
    return parseRole(resource)
  } catch (error) {
    onUnreadable(error)
    return parseRole({
      kind: 'role',
      version: 'v7',
      metadata: { name },
      spec: {
        deny: { kubernetes_labels: { '*': '*' }, rules: [{ resources: ['*'], verbs: ['*'] }] },
      },
    })
  }
}
