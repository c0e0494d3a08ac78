import { type Clock, errorCode } from '../core/index.ts'
import { type Backend, listAll } from '../storage/index.ts'
import { PROXY_MEMORY_MS, PROXY_WRITE_MS } from './limits.ts'

export interface ProxyAddresses {
  /** Where agents dial it. */
  readonly tunnel: readonly { readonly host: string; readonly port: number }[]
  /** host:port, for agents that join, and for Kubernetes clients; null when it has none. */
  readonly web: string | null
  readonly kube: string | null
}

/** A proxy in a process of its own, as it said itself. */
export interface ProxyRecord extends ProxyAddresses {
  readonly hostId: string
  readonly version: string
  /** When it started. Milliseconds since the epoch, like the next. */
  readonly sinceMs: number
  readonly lastSeenMs: number
}

const PREFIX = 'proxies'
const keyOf = (hostId: string): string => `${PREFIX}/${hostId}`

/**
 * Where the proxies of other processes are. Kept over our restarts, since agents leave proxies of which they hear no more; and
 * for PROXY_MEMORY_MS after the last word, since a proxy that does not reach us may serve very well.
 */
export class ProxyRegistry {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #held = new Map<string, { readonly record: ProxyRecord; readonly writtenMs: number }>()
  readonly #listeners = new Set<() => void>()

  private constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
  }

  static async open(backend: Backend, clock: Clock): Promise<ProxyRegistry> {
    const registry = new ProxyRegistry(backend, clock)
    for (const item of await listAll(backend, PREFIX)) {
      const record = JSON.parse(item.value) as ProxyRecord
      registry.#held.set(record.hostId, { record, writtenMs: record.lastSeenMs })
    }
    return registry
  }

  /** All that are known, in an order that does not change by itself. */
  list(): readonly ProxyRecord[] {
    const oldestMs = this.#clock.now() - PROXY_MEMORY_MS
    return [...this.#held.values()]
      .map(({ record }) => record)
      .filter(({ lastSeenMs }) => lastSeenMs > oldestMs)
      .sort((one, other) => (one.hostId < other.hostId ? -1 : 1))
  }

  async announce(of: Omit<ProxyRecord, 'lastSeenMs'>): Promise<void> {
    const nowMs = this.#clock.now()
    const record: ProxyRecord = { ...of, lastSeenMs: nowMs }
    const before = this.#held.get(of.hostId)
    const changed = before === undefined || contentOf(before.record) !== contentOf(record)
    const must = changed || nowMs - before.writtenMs >= PROXY_WRITE_MS
    this.#held.set(of.hostId, { record, writtenMs: must ? nowMs : before.writtenMs })
    if (changed) this.#tell()
    if (!must) return
    await this.#backend.put({
      key: keyOf(of.hostId),
      value: JSON.stringify(record),
      expiresAtMs: nowMs + PROXY_MEMORY_MS + PROXY_WRITE_MS,
    })
  }

  /** It stops, or is none of ours any more. */
  async withdraw(hostId: string): Promise<void> {
    if (!this.#held.delete(hostId)) return
    this.#tell()
    await this.#backend.delete(keyOf(hostId)).catch((error: unknown) => {
      // Storage forgot it by itself when its time was over.
      if (errorCode(error) !== 'NOT_FOUND') throw error
    })
  }

  /** To be called now and then: forgets those that were silent for too long, and says so. */
  forgetSilent(): void {
    const known = new Set(this.list().map(({ hostId }) => hostId))
    const silent = [...this.#held.keys()].filter((hostId) => !known.has(hostId))
    for (const hostId of silent) this.#held.delete(hostId)
    if (silent.length > 0) this.#tell()
  }

  /** Calls back when `list()` says something else than when it was heard, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** Everything but when it was said. */
const contentOf = ({ lastSeenMs: _, ...rest }: ProxyRecord): string => JSON.stringify(rest)
