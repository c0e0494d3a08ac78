import type {
  ClusterSettingsResource,
  LockResource,
  RoleResource,
  UserResource,
} from '../contract/index.ts'
import { errorCode } from '../core/index.ts'
import type { Backend, Item, NewItem } from '../storage/index.ts'
import { ApiError } from './errors.ts'
import { lockOfResource } from './locks/read-lock.ts'

/** What every stored resource has. */
interface Resource {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly revision?: string }
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
} as const

/** Resources of one kind over the backend. The revision in the metadata is the backend's. */
export class ResourceStore<R extends Resource> {
  readonly #backend: Backend
  readonly #prefix: string
  readonly #kind: string
  readonly #expiryOf: (resource: R) => number | null

  /** `expiryOf` says when a resource ceases to exist, in milliseconds since the epoch. */
  constructor(
    backend: Backend,
    kind: keyof typeof storePrefix,
    expiryOf: (resource: R) => number | null = () => null,
  ) {
    this.#backend = backend
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
      return withRevision(resource, await this.#backend.create(this.#item(resource)))
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
    if (revision === undefined) {
      const before = await this.#backend.get(this.#key(name))
      const stored = withRevision(resource, await this.#backend.put(this.#item(resource)))
      return { resource: stored, created: before === null }
    }
    try {
      const next = await this.#backend.compareAndSwap(this.#item(resource), Number(revision))
      return { resource: withRevision(resource, next), created: false }
    } catch (error) {
      if (errorCode(error) !== 'CONFLICT') throw error
      throw new ApiError(
        'CONFLICT',
        `${this.#kind} "${name}" was changed by somebody else: read it again and repeat the edit`,
        { cause: error, facts: { name } },
      )
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

export function openStores(backend: Backend): Stores {
  return {
    roles: new ResourceStore(backend, 'role'),
    users: new ResourceStore(backend, 'user'),
    settings: new ResourceStore(backend, 'cluster_settings'),
    locks: new ResourceStore(backend, 'lock', (lock) => lockOfResource(lock).expiresAtMs),
  }
}
