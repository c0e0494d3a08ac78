import type { SecretCipher } from '../../ca/index.ts'
import type { KubeClusterWrite } from '../../contract/index.ts'
import { type Clock, errorCode, errorMessage, type Logger } from '../../core/index.ts'
import type { Backend } from '../../storage/index.ts'
import { pause } from '../../waits/index.ts'
import { DYNAMIC_RETRY_MS, LONGEST_TIMER_MS } from '../limits.ts'
import { ResourceStore, resourceOf, storePrefix } from '../stores.ts'

/** A Kubernetes cluster that somebody wrote down, without its kubeconfig. */
export interface DynamicCluster {
  readonly name: string
  readonly description: string | null
  readonly labels: Readonly<Record<string, string>>
  /** Milliseconds since the epoch; null: it stays. */
  readonly expiresAtMs: number | null
  readonly createdMs: number
  /** Of the kubeconfig. */
  readonly server: string
  /** Another at each change. */
  readonly revision: string
}

/** As it lies in storage: the kubeconfig sealed, bound to its place. */
interface Stored {
  readonly kind: 'kube_cluster'
  readonly version: 'v3'
  readonly metadata: KubeClusterWrite['metadata']
  readonly spec: { readonly server: string; readonly sealed_kubeconfig: string }
}

/** What somebody wrote, judged. */
export interface JudgedCluster {
  readonly metadata: KubeClusterWrite['metadata']
  readonly server: string
  readonly kubeconfig: string
}

/**
 * Dynamic Kubernetes clusters, in memory and followed in storage. Kubeconfigs are sealed in both, and opened for whoever is
 * given one.
 */
export class DynamicKubeClusters implements AsyncDisposable {
  readonly #backend: Backend
  readonly #cipher: SecretCipher
  readonly #clock: Clock
  readonly #log: Logger
  readonly #store: ResourceStore<Stored>
  readonly #stop = new AbortController()
  readonly #listeners = new Set<() => void>()
  #clusters: ReadonlyMap<string, Stored> = new Map()
  /** Whose seal cannot be opened: each is told once for as long as it is as it was written. */
  readonly #unreadable = new Set<string>()
  #reached = 0
  #expiry: NodeJS.Timeout | null = null
  #following: Promise<void> = Promise.resolve()

  private constructor(options: Options) {
    this.#backend = options.backend
    this.#cipher = options.cipher
    this.#clock = options.clock
    this.#log = options.log
    this.#store = new ResourceStore<Stored>(
      options.backend,
      options.clock,
      'kube_cluster',
      expiryOf,
    )
  }

  /** Reads them once, then follows the changes. */
  static async open(options: Options): Promise<DynamicKubeClusters> {
    const clusters = new DynamicKubeClusters(options)
    await clusters.#load()
    clusters.#following = clusters.#follow(clusters.#stop.signal)
    return clusters
  }

  /** By name. What has expired is gone, whether storage has noticed or not. */
  list(): readonly DynamicCluster[] {
    return [...this.#clusters.values()]
      .filter((stored) => this.#lives(stored))
      .map(shown)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  find(name: string): DynamicCluster | null {
    const stored = this.#clusters.get(name)
    return stored !== undefined && this.#lives(stored) ? shown(stored) : null
  }

  /** Null for a cluster that is not there, or whose seal cannot be opened: that must not keep others from being served. */
  kubeconfigOf(name: string): string | null {
    const stored = this.#clusters.get(name)
    if (stored === undefined || !this.#lives(stored)) return null
    const written = keyOf(stored)
    if (this.#unreadable.has(written)) return null
    try {
      return this.#cipher.decrypt(placeOf(name), stored.spec.sealed_kubeconfig)
    } catch (error) {
      this.#unreadable.add(written)
      this.#log.error(
        { cluster: name, error: errorMessage(error) },
        'the kubeconfig of a dynamic cluster cannot be read: write it anew',
      )
      return null
    }
  }

  /** Rejects with ALREADY_EXISTS. */
  async create(cluster: JudgedCluster): Promise<DynamicCluster> {
    const stored = await this.#store.create(this.#sealed(cluster))
    await this.#load()
    return shown(stored)
  }

  /** Rejects with CONFLICT when a revision is given, and is not the one that is there. */
  async upsert(
    cluster: JudgedCluster,
  ): Promise<{ readonly made: DynamicCluster; readonly created: boolean }> {
    const { resource, created } = await this.#store.upsert(this.#sealed(cluster))
    await this.#load()
    return { made: shown(resource), created }
  }

  /** Rejects with NOT_FOUND. */
  async delete(name: string): Promise<void> {
    await this.#store.delete(name)
    await this.#load()
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    if (this.#expiry !== null) clearTimeout(this.#expiry)
    await this.#following
  }

  #sealed({ metadata, server, kubeconfig }: JudgedCluster): Stored {
    const sealed = this.#cipher.encrypt(placeOf(metadata.name), kubeconfig)
    const spec = { server, sealed_kubeconfig: sealed }
    return { kind: 'kube_cluster', version: 'v3', metadata, spec }
  }

  #lives(stored: Stored): boolean {
    const endMs = expiryOf(stored)
    return endMs === null || this.#clock.now() < endMs
  }

  async #load(): Promise<void> {
    const clusters = new Map<string, Stored>()
    let revision = Number.POSITIVE_INFINITY
    let after: string | undefined
    do {
      const page = await this.#backend.list(PREFIX, after === undefined ? {} : { after })
      revision = Math.min(revision, page.revision)
      for (const item of page.items) {
        const stored = resourceOf<Stored>(item)
        clusters.set(stored.metadata.name, stored)
      }
      after = page.next ?? undefined
    } while (after !== undefined)
    // Two readings may overtake each other; what is older must not win.
    if (revision < this.#reached || this.#stop.signal.aborted) return
    this.#reached = revision
    const changed = revisionsOf(clusters) !== revisionsOf(this.#clusters)
    this.#clusters = clusters
    const written = new Set([...clusters.values()].map(keyOf))
    for (const key of this.#unreadable) if (!written.has(key)) this.#unreadable.delete(key)
    if (changed) this.#tell()
  }

  #tell(): void {
    this.#waitForExpiry()
    for (const listener of this.#listeners) listener()
  }

  /** Nobody else says when the time of a cluster is over. */
  #waitForExpiry(): void {
    if (this.#expiry !== null) clearTimeout(this.#expiry)
    this.#expiry = null
    const nowMs = this.#clock.now()
    const ends = [...this.#clusters.values()].flatMap((stored) => expiryOf(stored) ?? [])
    const next = Math.min(...ends.filter((endMs) => endMs > nowMs))
    if (!Number.isFinite(next)) return
    const waitMs = Math.min(next - nowMs, LONGEST_TIMER_MS)
    this.#expiry = setTimeout(() => this.#tell(), waitMs)
    this.#expiry.unref()
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const _change of this.#backend.watch(PREFIX, this.#reached, signal)) {
          await this.#load()
        }
        // Storage was closed: nothing can change any more.
        return
      } catch (error) {
        if (signal.aborted || errorCode(error) === 'STORAGE_CLOSED') return
        this.#log.error({ error: errorMessage(error) }, 'cannot follow the dynamic clusters')
        await pause(DYNAMIC_RETRY_MS, signal)
        // A watch that fell behind cannot go on from where it was.
        await this.#load().catch(() => {})
      }
    }
  }
}

interface Options {
  readonly backend: Backend
  readonly cipher: SecretCipher
  readonly clock: Clock
  readonly log: Logger
}

const PREFIX = storePrefix.kube_cluster
const placeOf = (name: string): string => `${PREFIX}/${name}`

function expiryOf({ metadata }: Pick<Stored, 'metadata'>): number | null {
  return metadata.expires === undefined ? null : Date.parse(metadata.expires)
}

const keyOf = ({ metadata }: Stored): string => `${metadata.name} ${metadata.revision ?? ''}`

const revisionsOf = (clusters: ReadonlyMap<string, Stored>): string =>
  [...clusters.values()].map(keyOf).join('\n')

function shown(stored: Stored): DynamicCluster {
  const { name, description, labels, created, revision } = stored.metadata
  return {
    name,
    description: description ?? null,
    labels: labels ?? {},
    expiresAtMs: expiryOf(stored),
    createdMs: created === undefined ? 0 : Date.parse(created),
    server: stored.spec.server,
    revision: revision ?? '',
  }
}
