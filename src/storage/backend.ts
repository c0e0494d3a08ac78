/** '/'-separated, no empty segment: `roles/admin`. Case-sensitive. At most 512 bytes. */
export type Key = string
/** Grows with every change in a backend. */
export type Revision = number

export interface NewItem {
  readonly key: Key
  /** JSON text. Secrets in it are already encrypted by their owner. */
  readonly value: string
  /** When the item ceases to exist, in milliseconds since the epoch; null or absent: never. */
  readonly expiresAtMs?: number | null
}

export interface Item {
  readonly key: Key
  readonly value: string
  readonly revision: Revision
  readonly expiresAtMs: number | null
}

export interface PageOptions {
  /** At most this many items (default and maximum: 1,000). */
  readonly limit?: number
  /** Only keys after this one. */
  readonly after?: Key
}

export interface Page {
  readonly items: readonly Item[]
  /** Give it as `after` to go on; null at the end. */
  readonly next: Key | null
  /** The revision that this page reflects: watch from here. */
  readonly revision: Revision
}

export type Change =
  | { readonly type: 'put'; readonly item: Item }
  | { readonly type: 'delete'; readonly key: Key; readonly revision: Revision }

/**
 * Cluster state. All methods reject with StorageError; a read sees every write that has resolved; a write is durable
 * when it resolves. An expired item is not there, whether or not it was swept yet; its sweep is a `delete` change.
 * Implementations pass test/conformance/storage.
 */
export interface Backend extends AsyncDisposable {
  get(key: Key): Promise<Item | null>
  /** Rejects with ALREADY_EXISTS. */
  create(item: NewItem): Promise<Revision>
  put(item: NewItem): Promise<Revision>
  /** Rejects with CONFLICT when the item's revision is not `expected`, or when it is gone. */
  compareAndSwap(item: NewItem, expected: Revision): Promise<Revision>
  /** Rejects with NOT_FOUND; with `expected`, with CONFLICT when the revision is another. */
  delete(key: Key, expected?: Revision): Promise<void>
  /** Items whose key is below `prefix` (`roles` finds `roles/admin`, not `roles2/x`), by key. */
  list(prefix: Key, page?: PageOptions): Promise<Page>
  /** Changes after revision `from`, in order, until the signal aborts. Rejects with RESYNC when `from` is too old. */
  watch(prefix: Key, from: Revision, signal: AbortSignal): AsyncIterable<Change>
  /** Removes what expired before `nowMs`; resolves to the number of items. */
  sweep(nowMs: number): Promise<number>
}
