import { lockFrom } from '../authz/index.ts'
import type {
  ClusterSettingsResource,
  LockResource,
  RoleResource,
  UserResource,
} from '../contract/index.ts'
import { type Clock, errorCode } from '../core/index.ts'
import type { Backend, Item, NewItem } from '../storage/index.ts'
import { ApiError } from './errors.ts'

/** What every stored resource has. */
interface Resource {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly created?: string
    readonly revision?: string
  }
}

export interface ResourcePage<R> {
  readonly items: readonly R[]
  readonly next: string | null
}

/** Where the kinds live in the backend. */
export const storePrefix = {
  role: 'roles',
  user: 'users',
  cluster_settings: 'cluster_settings',
  lock: 'locks',
  kube_cluster: 'kube_clusters',
} as const

/**
 * Resources of one kind over the backend. The revision in the metadata is the backend's; the time of creation is the
 * store's, and stays through all changes: what was deleted and is there again is another one.
 */
export class ResourceStore<R extends Resource> {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #prefix: string
  readonly #kind: string
  readonly #expiryOf: (resource: R) => number | null

  /** `expiryOf` says when a resource ceases to exist, in milliseconds since the epoch. */
  constructor(
    backend: Backend,
    clock: Clock,
    kind: keyof typeof storePrefix,
    expiryOf: (resource: R) => number | null = () => null,
  ) {
    this.#backend = backend
    this.#clock = clock
    this.#kind = kind
    this.#expiryOf = expiryOf
    this.#prefix = storePrefix[kind]
  }

  /** Rejects with NOT_FOUND. */
  async read(name: string): Promise<R> {
    const found = await this.find(name)
    if (found === null) throw notFound(this.#kind, name)
    return found
  }

  async find(name: string): Promise<R | null> {
    const item = await this.#backend.get(this.#key(name))
    return item === null ? null : resourceOf<R>(item)
  }

  async list(page: { limit?: number; after?: string }): Promise<ResourcePage<R>> {
    const { items, next } = await this.#backend.list(this.#prefix, {
      ...(page.limit === undefined ? {} : { limit: page.limit }),
      ...(page.after === undefined ? {} : { after: this.#key(page.after) }),
    })
    return {
      items: items.map((item) => resourceOf<R>(item)),
      next: next === null ? null : next.slice(this.#prefix.length + 1),
    }
  }

  /** Every resource of the kind, page by page. */
  async *all(): AsyncGenerator<R> {
    let after: string | undefined
    do {
      const page: ResourcePage<R> = await this.list(after === undefined ? {} : { after })
      yield* page.items
      after = page.next ?? undefined
    } while (after !== undefined)
  }

  /** Rejects with ALREADY_EXISTS. */
  async create(resource: R): Promise<R> {
    const { name } = resource.metadata
    try {
      return await this.#create(resource)
    } catch (error) {
      if (errorCode(error) !== 'ALREADY_EXISTS') throw error
      throw new ApiError('ALREADY_EXISTS', `${this.#kind} "${name}" exists already`, {
        cause: error,
        facts: { name },
      })
    }
  }

  /**
   * Creates or replaces. With a revision in the metadata, only that one is replaced: CONFLICT when somebody else was
   * faster. Tells whether the resource was there before.
   */
  async upsert(resource: R): Promise<{ resource: R; created: boolean }> {
    const { name, revision } = resource.metadata
    for (;;) {
      const before = await this.find(name)
      try {
        if (before !== null) {
          const expected = revision ?? before.metadata.revision
          return { resource: await this.#replace(before, resource, expected), created: false }
        }
        if (revision === undefined) {
          return { resource: await this.#create(resource), created: true }
        }
      } catch (error) {
        const code = errorCode(error)
        if (code !== 'CONFLICT' && code !== 'ALREADY_EXISTS') throw error
        // Nobody said which one is to be replaced: then it is the one that is there now.
        if (revision === undefined) continue
        throw this.#conflict(name, error)
      }
      throw this.#conflict(name)
    }
  }

  /** Rejects with NOT_FOUND. */
  async delete(name: string): Promise<void> {
    try {
      await this.#backend.delete(this.#key(name))
    } catch (error) {
      if (errorCode(error) !== 'NOT_FOUND') throw error
      throw notFound(this.#kind, name, error)
    }
  }

  async #create(resource: R): Promise<R> {
    const noted = withCreated(resource, new Date(this.#clock.now()).toISOString())
    return withRevision(noted, await this.#backend.create(this.#item(noted)))
  }

  async #replace(before: R, resource: R, revision: string | undefined): Promise<R> {
    const noted = withCreated(resource, before.metadata.created)
    const next = await this.#backend.compareAndSwap(this.#item(noted), Number(revision))
    return withRevision(noted, next)
  }

  #conflict(name: string, cause?: unknown): ApiError {
    return new ApiError(
      'CONFLICT',
      `${this.#kind} "${name}" was changed by somebody else: read it again and repeat the edit`,
      { cause, facts: { name } },
    )
  }

  #key(name: string): string {
    return `${this.#prefix}/${name}`
  }

  #item(resource: R): NewItem {
    const { revision: _, ...metadata } = resource.metadata
    return {
      key: this.#key(resource.metadata.name),
      value: JSON.stringify({ ...resource, metadata }),
      expiresAtMs: this.#expiryOf(resource),
    }
  }
}

/** The resource of a stored item, with the item's revision in its metadata. */
export function resourceOf<R extends Resource>(item: Item): R {
  // What is stored went through the API's validation before it was written.
  return withRevision(JSON.parse(item.value) as R, item.revision)
}

function withRevision<R extends Resource>(resource: R, revision: number): R {
  return { ...resource, metadata: { ...resource.metadata, revision: String(revision) } }
}

function withCreated<R extends Resource>(resource: R, created: string | undefined): R {
  const { created: _, ...metadata } = resource.metadata
  return { ...resource, metadata: created === undefined ? metadata : { ...metadata, created } }
}

function notFound(kind: string, name: string, cause?: unknown): ApiError {
  return new ApiError('NOT_FOUND', `${kind} "${name}" was not found`, { cause, facts: { name } })
}

/** The stores of the auth service. */
export interface Stores {
  readonly roles: ResourceStore<RoleResource>
  readonly users: ResourceStore<UserResource>
  readonly settings: ResourceStore<ClusterSettingsResource>
  readonly locks: ResourceStore<LockResource>
}

export function openStores(backend: Backend, clock: Clock): Stores {
  return {
    roles: new ResourceStore(backend, clock, 'role'),
    users: new ResourceStore(backend, clock, 'user'),
    settings: new ResourceStore(backend, clock, 'cluster_settings'),
    locks: new ResourceStore(backend, clock, 'lock', (lock) => lockFrom(lock).expiresAtMs),
  }
}
