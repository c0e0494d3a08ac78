import { ApiError } from '../api-error.ts'
import { freeze, type JsonObject, put, textAt } from '../json.ts'
import { MAX_CHANGES, MAX_OBJECT_BYTES, MAX_OBJECTS, MAX_STORE_BYTES } from '../limits.ts'

export interface Change {
  readonly revision: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly storage: string
  /** As it is now; for DELETED as it was last, with the revision of its end. */
  readonly object: JsonObject
  /** As it was before; null for ADDED. */
  readonly before: JsonObject | null
}

interface Kept {
  readonly object: JsonObject
  readonly bytes: number
}

/**
 * All objects, one revision for every change, and the last changes for watches. Objects in it are frozen. It knows
 * nothing of kinds: a storage is a name, an object is found by namespace and name.
 */
export class Store {
  readonly #storages = new Map<string, Map<string, Kept>>()
  readonly #changes: Change[] = []
  readonly #listeners = new Set<(change: Change) => void>()
  #revision: number
  #oldest: number
  #objects = 0
  #bytes = 0

  /**
   * Revisions begin at `revision`: a number that grows from start to start makes a client of the last start begin anew
   * instead of waiting for a revision that comes in hours.
   */
  constructor(revision: number) {
    this.#revision = revision
    this.#oldest = revision
  }

  /** The revision of the last change. */
  get revision(): number {
    return this.#revision
  }

  get(storage: string, namespace: string, name: string): JsonObject | null {
    return this.#storages.get(storage)?.get(keyOf(namespace, name))?.object ?? null
  }

  /** In the order of their keys, as etcd has it; of all namespaces for `''`. */
  list(storage: string, namespace = ''): JsonObject[] {
    const kept = this.#storages.get(storage)
    if (kept === undefined) return []
    const prefix = keyOf(namespace, '')
    return [...kept.keys()]
      .filter((key) => namespace === '' || key.startsWith(prefix))
      .sort()
      .map((key) => kept.get(key)?.object)
      .filter((object) => object !== undefined)
  }

  get storages(): readonly string[] {
    return [...this.#storages.keys()]
  }

  /** Keeps the object and gives it back with its revision. The caller has looked that it is not there. */
  create(storage: string, object: JsonObject): JsonObject {
    return this.#put(storage, object, null)
  }

  /** The caller has looked that it is there. */
  update(storage: string, object: JsonObject): JsonObject {
    const before = this.get(storage, namespaceOf(object), nameOf(object))
    if (before === null) throw new TypeError('"object" must be stored before it is updated')
    return this.#put(storage, object, before)
  }

  remove(storage: string, namespace: string, name: string): JsonObject {
    const kept = this.#storages.get(storage)
    const key = keyOf(namespace, name)
    const found = kept?.get(key)
    if (kept === undefined || found === undefined) throw new TypeError('"name" must be stored')
    kept.delete(key)
    this.#objects -= 1
    this.#bytes -= found.bytes
    const object = structuredClone(found.object)
    this.#revision += 1
    put(object, ['metadata', 'resourceVersion'], String(this.#revision))
    this.#tell({ type: 'DELETED', storage, object: freeze(object), before: found.object })
    return object
  }

  /** What changed in a storage after a revision; null when that is too long ago to know. */
  changesAfter(revision: number, storage: string): readonly Change[] | null {
    if (revision < this.#oldest) return null
    let index = this.#changes.length
    while (index > 0 && (this.#changes[index - 1]?.revision ?? 0) > revision) index -= 1
    return this.#changes.slice(index).filter((change) => change.storage === storage)
  }

  /** Called for every change, at once. Gives the function that ends it. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Forgets what watches could still ask for: a test, or somebody who wants to see 410 Gone. */
  compact(): void {
    this.#changes.length = 0
    this.#oldest = this.#revision
  }

  #put(storage: string, object: JsonObject, before: JsonObject | null): JsonObject {
    const next = structuredClone(object)
    put(next, ['metadata', 'resourceVersion'], String(this.#revision + 1))
    const bytes = Buffer.byteLength(JSON.stringify(next))
    const key = keyOf(namespaceOf(next), nameOf(next))
    const kept = this.#storages.get(storage) ?? new Map<string, Kept>()
    const freed = kept.get(key)?.bytes ?? 0
    this.#judgeSize(bytes, bytes - freed, before === null)
    this.#storages.set(storage, kept)
    kept.set(key, { object: freeze(next), bytes })
    this.#bytes += bytes - freed
    if (before === null) this.#objects += 1
    this.#revision += 1
    this.#tell({ type: before === null ? 'ADDED' : 'MODIFIED', storage, object: next, before })
    return next
  }

  #judgeSize(bytes: number, growth: number, isNew: boolean): void {
    if (bytes > MAX_OBJECT_BYTES) {
      throw new ApiError(
        'RequestEntityTooLarge',
        `the object is too large: ${bytes} bytes, of which the demo cluster takes ${MAX_OBJECT_BYTES}`,
      )
    }
    if (growth > 0 && this.#bytes + growth > MAX_STORE_BYTES) {
      throw full(`it holds at most ${MAX_STORE_BYTES / 1024 / 1024} MiB`)
    }
    if (isNew && this.#objects >= MAX_OBJECTS) throw full(`it holds at most ${MAX_OBJECTS} objects`)
  }

  #tell(change: Omit<Change, 'revision'>): void {
    const whole = { ...change, revision: this.#revision }
    this.#changes.push(whole)
    if (this.#changes.length > 2 * MAX_CHANGES) {
      const dropped = this.#changes.splice(0, this.#changes.length - MAX_CHANGES)
      this.#oldest = dropped.at(-1)?.revision ?? this.#oldest
    }
    for (const listener of [...this.#listeners]) listener(whole)
  }
}

export const nameOf = (object: JsonObject): string => textAt(object, 'metadata', 'name')
export const namespaceOf = (object: JsonObject): string => textAt(object, 'metadata', 'namespace')
export const uidOf = (object: JsonObject): string => textAt(object, 'metadata', 'uid')

/** Sorted as etcd sorts: by namespace, then by name. */
export const keyOf = (namespace: string, name: string): string => `${namespace}\u0000${name}`

const full = (why: string): ApiError =>
  new ApiError('Forbidden', `the demo cluster is full: ${why}`, {})
