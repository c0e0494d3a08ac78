import {
  type AccessView,
  accessView,
  type Lock,
  lockFrom,
  type Role,
  storedRole,
  type UserRecord,
} from '../authz/index.ts'
import type {
  ClusterSettingsResource,
  LockResource,
  RoleResource,
  UserResource,
} from '../contract/index.ts'
import { type Clock, errorMessage, type Logger, systemClock } from '../core/index.ts'
import { REMOVED_PREFIX } from '../join/index.ts'
import type { Backend, Change, Item } from '../storage/index.ts'
import { resourceOf, storePrefix } from './stores.ts'

/** One immutable view of roles, users, locks and settings. */
export interface AccessSnapshot extends AccessView {
  readonly settings: ClusterSettingsResource['spec']
}

/** When a user came to be, in milliseconds since the epoch; 0 for who was there before this was noted. */
export const createdMs = ({ metadata }: Pick<UserResource, 'metadata'>): number =>
  metadata.created === undefined ? 0 : Date.parse(metadata.created)

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
  /** Never one that is being read: half of it would know no locks. */
  #known: Known = nothingKnown()
  readonly #waiting = new Set<{ readonly revision: number; readonly resolve: () => void }>()
  #revision = 0
  /** The backend's revision up to which everything is in memory. */
  #reached = 0
  /** What was applied and may not be told yet. */
  #applied = 0
  #isChanged = false
  #isTelling = false
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

  /** Roles and locks as they are written, of the same moment as `current()`. */
  resources(): {
    readonly roles: readonly RoleResource[]
    readonly locks: readonly LockResource[]
    /** Host ids of services that were removed. */
    readonly removedHosts: readonly string[]
  } {
    return {
      roles: [...this.#known.roles.values()].map(({ resource }) => resource),
      locks: [...this.#known.locks.values()].map(({ resource }) => resource),
      removedHosts: [...this.#known.removedHosts],
    }
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

  /** Storage is in this process: what is known is never too old to decide by it. */
  tooOldSinceMs(): null {
    return null
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
    const known = nothingKnown()
    let from = Number.POSITIVE_INFINITY
    for (const prefix of FOLLOWED) {
      let after: string | undefined
      do {
        const page = await this.#backend.list(prefix, after === undefined ? {} : { after })
        from = Math.min(from, page.revision)
        for (const item of page.items) this.#put(known, item)
        after = page.next ?? undefined
      } while (after !== undefined)
    }
    this.#known = known
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
          if (this.#apply(change)) this.#isChanged = true
          this.#tellSoon(revision)
        }
        // Storage was closed: nothing can change any more.
        return
      } catch (error) {
        if (signal.aborted) return
        // Later it would be told amid the reading, when half of the users are not there yet.
        this.#tell()
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
    const known = this.#known
    if (change.type === 'put') return this.#put(known, change.item)
    const [prefix, name = ''] = splitKey(change.key)
    if (prefix === storePrefix.role) return known.roles.delete(name)
    if (prefix === storePrefix.user) return known.users.delete(name)
    if (prefix === storePrefix.lock) return known.locks.delete(name)
    if (prefix === REMOVED_PREFIX) return known.removedHosts.delete(name)
    if (prefix !== storePrefix.cluster_settings) return false
    known.settings = {}
    return true
  }

  #put(known: Known, item: Item): boolean {
    const [prefix, name = ''] = splitKey(item.key)
    if (prefix === storePrefix.role) {
      const resource = resourceOf<RoleResource>(item)
      known.roles.set(name, { resource, role: this.#roleOf(name, resource) })
    } else if (prefix === storePrefix.user) {
      const { metadata, spec } = resourceOf<UserResource>(item)
      known.users.set(name, {
        name,
        roles: spec.roles,
        traits: spec.traits ?? {},
        createdMs: createdMs({ metadata }),
      })
    } else if (prefix === storePrefix.lock) {
      const resource = resourceOf<LockResource>(item)
      known.locks.set(name, { resource, lock: lockFrom(resource) })
    } else if (prefix === REMOVED_PREFIX) {
      known.removedHosts.add(name)
    } else if (prefix === storePrefix.cluster_settings) {
      known.settings = resourceOf<ClusterSettingsResource>(item).spec
    } else {
      return false
    }
    return true
  }

  #roleOf(name: string, resource: RoleResource): Role {
    return storedRole(name, resource, (error) =>
      this.#log.error(
        { role: name, error: errorMessage(error) },
        'a stored role cannot be read: its holders are denied everything until it is mended',
      ),
    )
  }

  #publish(): void {
    this.#isChanged = false
    this.#snapshot = this.#freeze()
    for (const listener of this.#listeners) listener()
  }

  /**
   * Changes that come in one turn of the event loop are told together, since each copies what is known and judges everything
   * that is underway (measured with 10,000 users and 5,000 watches: 1,000 changes at once stopped the process for a minute).
   */
  #tellSoon(revision: number): void {
    this.#applied = revision
    if (this.#isTelling) return
    this.#isTelling = true
    setImmediate(() => {
      this.#isTelling = false
      if (!this.#stop.signal.aborted) this.#tell()
    })
  }

  #tell(): void {
    if (this.#isChanged) this.#publish()
    this.#arrive(this.#applied)
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
    const view = accessView({
      revision: this.#revision,
      roles: new Map([...this.#known.roles].map(([name, { role }]) => [name, role])),
      users: new Map(this.#known.users),
      locks: [...this.#known.locks.values()].map(({ lock }) => lock),
      removedHosts: new Set(this.#known.removedHosts),
    })
    return { ...view, settings: this.#known.settings }
  }
}

/** What was read, of one moment. */
interface Known {
  readonly roles: Map<string, { readonly role: Role; readonly resource: RoleResource }>
  readonly users: Map<string, UserRecord>
  readonly locks: Map<string, { readonly lock: Lock; readonly resource: LockResource }>
  /** Host ids of services that were removed. */
  readonly removedHosts: Set<string>
  settings: ClusterSettingsResource['spec']
}

const nothingKnown = (): Known => ({
  roles: new Map(),
  users: new Map(),
  locks: new Map(),
  removedHosts: new Set(),
  settings: {},
})

/** What decisions read. */
const FOLLOWED = [
  storePrefix.role,
  storePrefix.user,
  storePrefix.lock,
  storePrefix.cluster_settings,
  REMOVED_PREFIX,
] as const

function splitKey(key: string): [string, string | undefined] {
  const slash = key.indexOf('/')
  return slash === -1 ? [key, undefined] : [key.slice(0, slash), key.slice(slash + 1)]
}
