/** Sections of a kubeconfig that hold named entries, and the field of an entry that holds its body. */
export const bodyField = { clusters: 'cluster', users: 'user', contexts: 'context' } as const
export type Section = keyof typeof bodyField

/** What we write into an entry. */
export type Value =
  | string
  | boolean
  | readonly Value[]
  | { readonly [field: string]: Value | undefined }

/**
 * Tells that an entry is ours, and whose. It stands among the entry's `extensions`, which kubectl keeps when it
 * rewrites the file. Entries without it are never changed or removed.
 */
export interface Mark {
  /** `host:port` of the proxy. */
  readonly proxy: string
  readonly user: string
  readonly teleportCluster: string
  readonly kubeCluster: string
  /** The context that was current before ours were: logout restores it. */
  readonly previousContext?: string
}

/** Writes an entry of ours, new or in its place. */
export interface Put {
  readonly kind: 'put'
  readonly section: Section
  readonly name: string
  /** Fields of the body; null removes one, and what is not named stays. */
  readonly set: Readonly<Record<string, Value | null>>
  readonly mark: Mark
}

/** One change of one file. */
export type Edit =
  | Put
  | { readonly kind: 'remove'; readonly section: Section; readonly name: string }
  /** `current-context`; empty selects none. */
  | { readonly kind: 'select'; readonly context: string }
