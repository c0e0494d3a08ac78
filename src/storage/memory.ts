import type { Clock } from '../core/index.ts'
import type { Backend, Change, Item, Key, NewItem, Page, PageOptions, Revision } from './backend.ts'
import { ChangeLog } from './change-log.ts'
import { StorageError } from './errors.ts'
import { assertKey, compareKeys, keyRange } from './key.ts'
import { MAX_PAGE_ITEMS } from './limits.ts'

/** A backend that forgets everything when it is disposed. */
export function openMemoryBackend({ clock }: { clock: Clock }): Backend {
  return new MemoryBackend(clock)
}

class MemoryBackend implements Backend {
  readonly #clock: Clock
  readonly #items = new Map<Key, Item>()
  readonly #log = new ChangeLog(0)
  #revision: Revision = 0
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async get(key: Key): Promise<Item | null> {
    this.#open(key)
    return this.#live(key)
  }

  async create(item: NewItem): Promise<Revision> {
    this.#open(item.key)
    if (this.#live(item.key) !== null) throw alreadyExists(item.key)
    return this.#write(item)
  }

  async put(item: NewItem): Promise<Revision> {
    this.#open(item.key)
    return this.#write(item)
  }

  async compareAndSwap(item: NewItem, expected: Revision): Promise<Revision> {
    this.#open(item.key)
    if (this.#live(item.key)?.revision !== expected) throw conflict(item.key)
    return this.#write(item)
  }

  async delete(key: Key, expected?: Revision): Promise<void> {
    this.#open(key)
    const item = this.#live(key)
    if (item === null) throw notFound(key)
    if (expected !== undefined && item.revision !== expected) throw conflict(key)
    this.#remove(key)
  }

  async list(prefix: Key, page: PageOptions = {}): Promise<Page> {
    this.#open()
    const { from, to } = keyRange(prefix)
    const limit = Math.min(page.limit ?? MAX_PAGE_ITEMS, MAX_PAGE_ITEMS)
    const found = [...this.#items.keys()]
      .filter((key) => key >= from && (to === null || key < to))
      .filter((key) => page.after === undefined || compareKeys(key, page.after) > 0)
      .sort(compareKeys)
      .flatMap((key) => this.#live(key) ?? [])
    const items = found.slice(0, limit)
    const next = found.length > limit ? (items.at(-1)?.key ?? null) : null
    return { items, next, revision: this.#revision }
  }

  watch(prefix: Key, from: Revision, signal: AbortSignal): AsyncIterable<Change> {
    this.#open()
    return this.#log.watch(prefix, from, signal)
  }

  async sweep(nowMs: number): Promise<number> {
    this.#open()
    const expired = [...this.#items.values()].filter((item) => isExpired(item, nowMs))
    for (const { key } of expired) this.#remove(key)
    return expired.length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#log.close()
  }

  #open(key?: Key): void {
    if (this.#closed) throw closed()
    if (key !== undefined) assertKey(key)
  }

  #live(key: Key): Item | null {
    const item = this.#items.get(key)
    return item === undefined || isExpired(item, this.#clock.now()) ? null : item
  }

  #write({ key, value, expiresAtMs = null }: NewItem): Revision {
    this.#revision += 1
    const item = { key, value, revision: this.#revision, expiresAtMs }
    this.#items.set(key, item)
    this.#log.append({ type: 'put', item })
    return this.#revision
  }

  #remove(key: Key): void {
    this.#revision += 1
    this.#items.delete(key)
    this.#log.append({ type: 'delete', key, revision: this.#revision })
  }
}

const isExpired = (item: Item, nowMs: number): boolean =>
  item.expiresAtMs !== null && item.expiresAtMs <= nowMs

export const alreadyExists = (key: Key): StorageError =>
  new StorageError('ALREADY_EXISTS', `${key} exists already`, { facts: { key } })
export const conflict = (key: Key): StorageError =>
  new StorageError('CONFLICT', `${key} was changed in between`, { facts: { key } })
export const notFound = (key: Key): StorageError =>
  new StorageError('NOT_FOUND', `${key} was not found`, { facts: { key } })
export const closed = (): StorageError =>
  new StorageError('STORAGE_CLOSED', 'the storage is closed')
