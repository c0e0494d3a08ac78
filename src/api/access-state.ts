import {
  effectiveSubject,
  type Lock,
  type Locks,
  lockTable,
  parseRole,
  type Role,
  type Subject,
} from '../authz/index.ts'
import type {
  ClusterSettingsResource,
  LockResource,
  RoleResource,
  UserResource,
} from '../contract/index.ts'
import { type Clock, errorMessage, type Logger, systemClock } from '../core/index.ts'
import type { Traits, UserIdentity } from '../identity/index.ts'
import type { Backend, Change, Item } from '../storage/index.ts'
import { lockOfResource } from './locks/read-lock.ts'
import { resourceOf, storePrefix } from './stores.ts'

/** One immutable view of roles, users, locks and settings. `revision` grows with each change. */
export interface AccessSnapshot {
  readonly revision: number
  readonly roles: ReadonlyMap<string, Role>
  readonly users: ReadonlyMap<string, UserRecord>
  readonly settings: ClusterSettingsResource['spec']
  readonly locks: Locks
  /** The person as of now, or null when the user is gone. */
  subject(identity: UserIdentity): Subject | null
  /** The lock that is in force against a certificate's holder, by name or by a role of today or of the certificate. */
  lockOf(identity: UserIdentity, nowMs: number): Lock | null
}

export interface UserRecord {
  readonly name: string
  readonly roles: readonly string[]
  readonly traits: Traits
  /** Milliseconds since the epoch; 0 for who was there before this was noted. */
  readonly createdMs: number
}

/** When a user came to be, in milliseconds since the epoch; 0 for who was there before this was noted. */
export const createdMs = ({ metadata }: Pick<UserResource, 'metadata'>): number =>
  metadata.created === undefined ? 0 : Date.parse(metadata.created)

/**
 * The lock that is in force against a user with these roles and those that the user has today; null when there is none.
 * Pure: `nowMs` decides whether a lock has ended.
 */
export const lockOf = (
  { users, locks }: Pick<AccessSnapshot, 'users' | 'locks'>,
  user: string,
  roles: readonly string[],
  nowMs: number,
): Lock | null => locks.inForce(user, [...roles, ...(users.get(user)?.roles ?? [])], nowMs)

/**
 * Roles, users, locks and settings in memory, kept fresh by the backend's watch. Everything that decides reads
 * `current()`, which costs nothing; nothing on a request's path waits for storage.
 */
export class AccessState implements AsyncDisposable {
  readonly #backend: Backend
  readonly #log: Logger
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #listeners = new Set<() => void>()
  readonly #roles = new Map<string, Role>()
  readonly #users = new Map<string, UserRecord>()
  readonly #locks = new Map<string, Lock>()
  readonly #waiting = new Set<{ readonly revision: number; readonly resolve: () => void }>()
  #settings: ClusterSettingsResource['spec'] = {}
  #revision = 0
  /** The backend's revision up to which everything is in memory. */
  #reached = 0
  /** Since when changes are not followed; null while they are. */
  #behindSinceMs: number | null = null
  #snapshot: AccessSnapshot
  #watching: Promise<void> = Promise.resolve()

  private constructor(backend: Backend, log: Logger, clock: Clock) {
    this.#backend = backend
    this.#log = log
    this.#clock = clock
    this.#snapshot = this.#freeze()
  }

  /** Reads everything once, then follows the changes. */
  static async open(
    backend: Backend,
    log: Logger,
    clock: Clock = systemClock,
  ): Promise<AccessState> {
    const state = new AccessState(backend, log, clock)
    const revision = await state.#load()
    state.#watching = state.#follow(revision)
    return state
  }

  current(): AccessSnapshot {
    return this.#snapshot
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** How old what is known of locks is, in milliseconds: 0 while changes are followed. */
  locksAgeMs(nowMs: number): number {
    return this.#behindSinceMs === null ? 0 : Math.max(0, nowMs - this.#behindSinceMs)
  }

  /** Resolves when the change that made a revision counts: whoever changed something may then say that it holds. */
  reached(revision: number): Promise<void> {
    if (this.#reached >= revision || this.#stop.signal.aborted) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.add({ revision, resolve }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#arrive(Number.POSITIVE_INFINITY)
    await this.#watching
  }

  async #load(): Promise<number> {
    this.#roles.clear()
    this.#users.clear()
    this.#locks.clear()
    this.#settings = {}
    let from = Number.POSITIVE_INFINITY
    for (const prefix of Object.values(storePrefix)) {
      let after: string | undefined
      do {
        const page = await this.#backend.list(prefix, after === undefined ? {} : { after })
        from = Math.min(from, page.revision)
        for (const item of page.items) this.#put(item)
        after = page.next ?? undefined
      } while (after !== undefined)
    }
    this.#publish()
    this.#arrive(from)
    return from
  }

  async #follow(from: number): Promise<void> {
    const { signal } = this.#stop
    let revision = from
    while (!signal.aborted) {
      try {
        for await (const change of this.#backend.watch('', revision, signal)) {
          revision = change.type === 'put' ? change.item.revision : change.revision
          if (this.#apply(change)) this.#publish()
          this.#arrive(revision)
        }
        // Storage was closed: nothing can change any more.
        return
      } catch (error) {
        if (signal.aborted) return
        this.#behindSinceMs = this.#clock.now()
        // Too far behind or broken: what is in memory may be stale, so read everything again.
        this.#log.warn(
          { error: errorMessage(error) },
          'watch of roles and users broke, reading anew',
        )
        revision = await this.#reload(signal)
        this.#behindSinceMs = null
      }
    }
  }

  async #reload(signal: AbortSignal): Promise<number> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#load()
      } catch (error) {
        if (signal.aborted) return 0
        this.#log.error({ error: errorMessage(error) }, 'cannot read roles and users')
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(5000, 100 * 2 ** attempt))
          signal.addEventListener('abort', () => {
            clearTimeout(timer)
            resolve()
          })
        })
      }
    }
  }

  #apply(change: Change): boolean {
    if (change.type === 'put') return this.#put(change.item)
    const [prefix, name = ''] = splitKey(change.key)
    if (prefix === storePrefix.role) return this.#roles.delete(name)
    if (prefix === storePrefix.user) return this.#users.delete(name)
    if (prefix === storePrefix.lock) return this.#locks.delete(name)
    if (prefix !== storePrefix.cluster_settings) return false
    this.#settings = {}
    return true
  }

  #put(item: Item): boolean {
    const [prefix, name = ''] = splitKey(item.key)
    if (prefix === storePrefix.role) {
      this.#roles.set(name, this.#roleOf(name, item))
    } else if (prefix === storePrefix.user) {
      const { metadata, spec } = resourceOf<UserResource>(item)
      this.#users.set(name, {
        name,
        roles: spec.roles,
        traits: spec.traits ?? {},
        createdMs: createdMs({ metadata }),
      })
    } else if (prefix === storePrefix.lock) {
      this.#locks.set(name, lockOfResource(resourceOf<LockResource>(item)))
    } else if (prefix === storePrefix.cluster_settings) {
      this.#settings = resourceOf<ClusterSettingsResource>(item).spec
    } else {
      return false
    }
    return true
  }

  /** A role that this version cannot read may hold a restriction: whoever has it is denied everything. */
  #roleOf(name: string, item: Item): Role {
    try {
      return parseRole(resourceOf<RoleResource>(item))
    } catch (error) {
      this.#log.error(
        { role: name, error: errorMessage(error) },
        'a stored role cannot be read: its holders are denied everything until it is mended',
      )
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

  #publish(): void {
    this.#snapshot = this.#freeze()
    for (const listener of this.#listeners) listener()
  }

  #arrive(revision: number): void {
    this.#reached = Math.max(this.#reached, revision)
    for (const waiter of this.#waiting) {
      if (waiter.revision > this.#reached) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
  }

  #freeze(): AccessSnapshot {
    this.#revision += 1
    const roles = new Map(this.#roles)
    const users = new Map(this.#users)
    const locks = lockTable([...this.#locks.values()])
    return {
      revision: this.#revision,
      roles,
      users,
      locks,
      settings: this.#settings,
      subject: (identity) => effectiveSubject(identity, users.get(identity.user) ?? null, roles),
      lockOf: ({ user, roles: certified }, nowMs) =>
        lockOf({ users, locks }, user, certified, nowMs),
    }
  }
}

function splitKey(key: string): [string, string | undefined] {
  const slash = key.indexOf('/')
  return slash === -1 ? [key, undefined] : [key.slice(0, slash), key.slice(slash + 1)]
}
