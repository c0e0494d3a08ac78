/** Who is locked out, read from a lock resource. What is null says nothing; all that is not null must match. */
export interface Lock {
  readonly name: string
  readonly user: string | null
  readonly role: string | null
  /** The host id of a service of ours; it stands alone. */
  readonly serverId: string | null
  /** For whom it locks out; may be empty. */
  readonly message: string
  /** When it ends, in milliseconds since the epoch; null: when somebody ends it. */
  readonly expiresAtMs: number | null
}

/** A lock resource, as far as decisions read it. */
export interface LockFacts {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly target: {
      readonly user?: string
      readonly role?: string
      readonly server_id?: string
    }
    readonly message?: string
    /** RFC 3339. */
    readonly expires?: string
  }
}

/** A lock as decisions read it. An end that cannot be read is none: who is locked out stays so. */
export function lockFrom({ metadata, spec }: LockFacts): Lock {
  const expiresAtMs = spec.expires === undefined ? Number.NaN : Date.parse(spec.expires)
  return {
    name: metadata.name,
    user: spec.target.user ?? null,
    role: spec.target.role ?? null,
    serverId: spec.target.server_id ?? null,
    message: spec.message ?? '',
    expiresAtMs: Number.isNaN(expiresAtMs) ? null : expiresAtMs,
  }
}

/** Finds the lock that is in force against somebody. */
export interface Locks {
  /**
   * Null: there is none. Of several, the one that lasts longest; of equals the first by name. `roles` are all that the
   * person holds, today or by certificate.
   */
  inForce(user: string, roles: Iterable<string>, nowMs: number): Lock | null
  /** The same for a service of ours. */
  onServer(hostId: string, nowMs: number): Lock | null
}

/** Indexed by user and role, since it is asked on every request. What names nobody locks nobody out. */
export function lockTable(locks: readonly Lock[]): Locks {
  const ofUser = Map.groupBy(
    locks.filter(({ user }) => user !== null),
    ({ user }) => user,
  )
  const ofServer = Map.groupBy(
    locks.filter(({ serverId }) => serverId !== null),
    ({ serverId }) => serverId,
  )
  const ofRole = Map.groupBy(
    locks.filter(({ user, role }) => user === null && role !== null),
    ({ role }) => role,
  )
  return {
    inForce(user, roles, nowMs) {
      if (locks.length === 0) return null
      const held = new Set(roles)
      const candidates = [
        ...(ofUser.get(user) ?? []),
        ...[...held].flatMap((role) => ofRole.get(role) ?? []),
      ]
      return longest(
        candidates.filter(({ role }) => role === null || held.has(role)),
        nowMs,
      )
    },
    onServer: (hostId, nowMs) => longest(ofServer.get(hostId) ?? [], nowMs),
  }
}

const longest = (locks: readonly Lock[], nowMs: number): Lock | null =>
  locks
    .filter((lock) => endOf(lock) > nowMs)
    .reduce<Lock | null>(
      (first, lock) => (first === null || lasts(lock, first) ? lock : first),
      null,
    )

const endOf = ({ expiresAtMs }: Lock): number => expiresAtMs ?? Number.POSITIVE_INFINITY

const lasts = (lock: Lock, other: Lock): boolean =>
  endOf(lock) > endOf(other) || (endOf(lock) === endOf(other) && lock.name < other.name)

/** What whoever is locked out is told. */
export function lockWords({ message, expiresAtMs }: Lock): string {
  const until = expiresAtMs === null ? '' : ` until ${new Date(expiresAtMs).toISOString()}`
  return `you are locked out${until}: ${message === '' ? 'ask an administrator' : message}`
}

/** What is said of a service that is locked out, to itself and in logs. */
export function serverLockWords({ message, expiresAtMs }: Lock, hostId: string): string {
  const until = expiresAtMs === null ? '' : ` until ${new Date(expiresAtMs).toISOString()}`
  return `host ${hostId} is locked out${until}: ${message === '' ? 'ask an administrator' : message}`
}

/** `lock "5b0c…"`: how a lock is named in audit events. */
export const describeLock = ({ name }: Lock): string => `lock "${name}"`
