import { createHash } from 'node:crypto'
import type { KubeHealth } from '../contract/index.ts'
import { type Clock, errorCode } from '../core/index.ts'
import { type Backend, listAll } from '../storage/index.ts'
import { KUBE_CLUSTER_MEMORY_MS, KUBE_CLUSTER_OFFLINE_MS, KUBE_CLUSTER_WRITE_MS } from './limits.ts'

/** How a cluster is, as the service that stands next to it found. */
export interface ClusterHealth {
  readonly health: KubeHealth
  /** Why it is not healthy, in words; null when it is, or when nobody looked yet. */
  readonly problem: string | null
  /** Since when, in milliseconds since the epoch. */
  readonly sinceMs: number
  /** `v1.35.4`; null while it is not known. Where services of one name differ, all that they say: `v1.20.2, v1.35.4`. */
  readonly kubernetesVersion: string | null
}

/** What a service says of a cluster that it serves. */
export interface Announcement extends ClusterHealth {
  readonly name: string
  readonly serverName: string
  readonly labels: Readonly<Record<string, string>>
  /** Labels that the service could not tell the value of. */
  readonly unknownLabels: readonly string[]
  /** Of the service. */
  readonly version: string
  /** host:port where proxies reach the service; null when it dials out, or is in this process. */
  readonly address: string | null
}

/** A Kubernetes cluster as a kubernetes service announced it. */
export interface KubeClusterRecord extends Announcement {
  /** The host id of the service. */
  readonly hostId: string
  /** Milliseconds since the epoch. */
  readonly lastSeenMs: number
  /** When the service said goodbye; null while it serves or when it fell silent without a word. */
  readonly withdrawnAtMs: number | null
  /** Its resource was deleted: nobody is to hear of it, but what was done there may still be told. */
  readonly retired?: boolean
}

export interface KubeClusterStatus extends KubeClusterRecord {
  readonly online: boolean
  /** Since when it is offline; null when online. */
  readonly offlineSinceMs: number | null
  /** Services that serve it now. */
  readonly services: number
}

const PREFIX = 'kube_servers'

interface Held {
  readonly record: KubeClusterRecord
  /** Until when it counts as served without another word. */
  readonly aliveUntilMs: number
  readonly writtenMs: number
}

/**
 * Which service serves which Kubernetes cluster, how it is, and since when it is silent. Services announce themselves every
 * few seconds: that is kept in memory, and written only when something changed or KUBE_CLUSTER_WRITE_MS passed. A record
 * outlives its service for KUBE_CLUSTER_MEMORY_MS, so that a person hears that a cluster is offline, not that it never was.
 */
export class KubeClusterRegistry {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #held = new Map<string, Held>()
  /** Keys of the records: services say a word every few seconds, and connections ask for a name. */
  readonly #ofHost = new Map<string, Set<string>>()
  readonly #ofServerName = new Map<string, Set<string>>()
  /** The last write of each record; the next one of the same record waits for it. */
  readonly #writes = new Map<string, Promise<void>>()
  #loading: Promise<void> | null = null

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
  }

  /** Called at start, every KUBE_CLUSTER_HEARTBEAT_MS and at changes: all that a service serves. What is missing is withdrawn. */
  async announce(hostId: string, clusters: readonly Announcement[]): Promise<void> {
    await this.#load()
    const names = new Set(clusters.map(({ name }) => name))
    const gone = this.#recordsOf(hostId).filter(
      ({ name, withdrawnAtMs }) => !names.has(name) && withdrawnAtMs === null,
    )
    const nowMs = this.#clock.now()
    await Promise.all([
      ...clusters.map((cluster) =>
        this.#hold({ ...cluster, hostId, lastSeenMs: nowMs, withdrawnAtMs: null }),
      ),
      ...gone.map((record) => this.#hold({ ...record, withdrawnAtMs: nowMs })),
    ])
  }

  /** Called when a service stops: offline from now on, not in a while. */
  async withdraw(hostId: string, names: readonly string[]): Promise<void> {
    await this.#load()
    const nowMs = this.#clock.now()
    await Promise.all(
      this.#recordsOf(hostId)
        .filter((record) => names.includes(record.name))
        .map((record) => this.#hold({ ...record, withdrawnAtMs: nowMs })),
    )
  }

  /** A service that is none of ours any more: nothing that it served is online. */
  async withdrawAll(hostId: string): Promise<void> {
    await this.announce(hostId, [])
  }

  /** Whether a service serves a cluster now, by its own word. At once, like `serving`. */
  isServing(hostId: string, name: string): boolean {
    const held = this.#held.get(keyOf({ hostId, name }))
    return held !== undefined && this.#isAlive(held)
  }

  /** Every service of every cluster, by name. */
  async servers(): Promise<readonly (KubeClusterRecord & { readonly online: boolean })[]> {
    await this.#load()
    return this.#current()
      .map((held) => ({ ...held.record, online: this.#isAlive(held) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Whether a service announced a cluster, now or within KUBE_CLUSTER_MEMORY_MS: then it may speak of it. */
  async announced(hostId: string, name: string): Promise<boolean> {
    await this.#load()
    return this.#held.has(keyOf({ hostId, name }))
  }

  /** One status per cluster name, that of the service which is best off, by name. */
  async list(): Promise<readonly KubeClusterStatus[]> {
    await this.#load()
    const byName = Map.groupBy(this.#current(), ({ record }) => record.name)
    return [...byName.values()]
      .map((held) => this.#statusOf(held))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async find(name: string): Promise<KubeClusterStatus | null> {
    await this.#load()
    return this.#statusWhere((record) => record.name === name)
  }

  async findByServerName(serverName: string): Promise<KubeClusterStatus | null> {
    await this.#load()
    return this.#statusWhere((record) => record.serverName === serverName)
  }

  /**
   * The services that serve a cluster now, those that are well first: where proxies may dial. At once, as a gateway needs it;
   * nobody before the first of the other calls.
   */
  serving(serverName: string): readonly KubeClusterRecord[] {
    return this.#current(this.#at(this.#ofServerName.get(serverName)))
      .filter((held) => this.#isAlive(held))
      .sort((a, b) => rankOf(a.record) - rankOf(b.record))
      .map(({ record }) => record)
  }

  /** All services that are dialled, by server name. At once, like `serving`. */
  dialled(): readonly { readonly serverName: string; readonly addresses: string[] }[] {
    const names = new Set(
      this.#current().flatMap(({ record }) => (record.address === null ? [] : record.serverName)),
    )
    return [...names]
      .map((serverName) => ({
        serverName,
        addresses: this.serving(serverName).flatMap(({ address }) => address ?? []),
      }))
      .filter(({ addresses }) => addresses.length > 0)
  }

  /** A cluster that there is no more, while its services may have events of it to deliver: it is on no list from now on. */
  async retire(name: string): Promise<void> {
    await this.#load()
    const nowMs = this.#clock.now()
    await Promise.all(
      [...this.#held.values()]
        .filter(({ record }) => record.name === name)
        .map(({ record }) => this.#hold({ ...record, withdrawnAtMs: nowMs, retired: true })),
    )
  }

  /** Removes every record of a cluster; true when there was one. */
  async forget(name: string): Promise<boolean> {
    await this.#load()
    const found = [...this.#held].filter(([, { record }]) => record.name === name)
    for (const [key] of found) {
      this.#drop(key)
      await this.#writes.get(key)
      await this.#backend.delete(key).catch((error: unknown) => {
        // Storage forgot it by itself when its time was over.
        if (errorCode(error) !== 'NOT_FOUND') throw error
      })
    }
    return found.length > 0
  }

  #statusWhere(matches: (record: KubeClusterRecord) => boolean): KubeClusterStatus | null {
    const held = this.#current().filter(({ record }) => matches(record))
    return held.length === 0 ? null : this.#statusOf(held)
  }

  #statusOf(held: readonly Held[]): KubeClusterStatus {
    const alive = held.filter((one) => this.#isAlive(one))
    if (alive.length > 0) {
      const record = alive
        .map((one) => one.record)
        .reduce((best, other) => (rankOf(other) < rankOf(best) ? other : best))
      const kubernetesVersion = versionsOf(alive)
      const services = alive.length
      return { ...record, kubernetesVersion, online: true, offlineSinceMs: null, services }
    }
    const record = held
      .map((one) => one.record)
      .reduce((last, other) => (endOf(other) > endOf(last) ? other : last))
    return { ...record, online: false, offlineSinceMs: endOf(record), services: 0 }
  }

  #isAlive({ record, aliveUntilMs }: Held): boolean {
    return record.withdrawnAtMs === null && this.#clock.now() < aliveUntilMs
  }

  /** What is remembered still. */
  #current(held: Iterable<Held> = this.#held.values()): Held[] {
    const oldestMs = this.#clock.now() - KUBE_CLUSTER_MEMORY_MS
    return [...held].filter(({ record }) => record.lastSeenMs > oldestMs && record.retired !== true)
  }

  #recordsOf(hostId: string): KubeClusterRecord[] {
    return this.#at(this.#ofHost.get(hostId)).map(({ record }) => record)
  }

  #at(keys: Iterable<string> = []): Held[] {
    return [...keys].flatMap((key) => this.#held.get(key) ?? [])
  }

  #put(key: string, held: Held): void {
    const { hostId, serverName } = held.record
    this.#held.set(key, held)
    this.#ofHost.set(hostId, (this.#ofHost.get(hostId) ?? new Set()).add(key))
    this.#ofServerName.set(serverName, (this.#ofServerName.get(serverName) ?? new Set()).add(key))
  }

  #drop(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    const { hostId, serverName } = held.record
    for (const [index, of] of [
      [this.#ofHost, hostId],
      [this.#ofServerName, serverName],
    ] as const) {
      const keys = index.get(of)
      keys?.delete(key)
      if (keys?.size === 0) index.delete(of)
    }
  }

  async #hold(record: KubeClusterRecord): Promise<void> {
    const key = keyOf(record)
    const before = this.#held.get(key)
    const nowMs = this.#clock.now()
    const must =
      before === undefined ||
      nowMs - before.writtenMs >= KUBE_CLUSTER_WRITE_MS ||
      contentOf(before.record) !== contentOf(record)
    this.#put(key, {
      record,
      aliveUntilMs: record.lastSeenMs + KUBE_CLUSTER_OFFLINE_MS,
      writtenMs: must ? nowMs : before.writtenMs,
    })
    if (!must) return
    const write = (this.#writes.get(key) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        await this.#backend.put({
          key,
          value: JSON.stringify(record),
          expiresAtMs: record.lastSeenMs + KUBE_CLUSTER_MEMORY_MS,
        })
      })
    this.#writes.set(key, write)
    try {
      await write
    } catch (error) {
      // What was not written is written with the next word.
      const held = this.#held.get(key)
      if (held !== undefined) this.#held.set(key, { ...held, writtenMs: 0 })
      throw error
    } finally {
      if (this.#writes.get(key) === write) this.#writes.delete(key)
    }
  }

  /** Reads what an earlier process knew, once. */
  #load(): Promise<void> {
    this.#loading ??= this.#read().catch((error: unknown) => {
      this.#loading = null
      throw error
    })
    return this.#loading
  }

  async #read(): Promise<void> {
    const nowMs = this.#clock.now()
    for (const item of await listAll(this.#backend, PREFIX)) {
      const record = withDefaults(JSON.parse(item.value) as KubeClusterRecord)
      // Words since the last write died with the process that heard them: such a service is given the time to say another.
      const recent = nowMs - record.lastSeenMs < KUBE_CLUSTER_WRITE_MS + KUBE_CLUSTER_OFFLINE_MS
      const heardMs = recent ? nowMs : record.lastSeenMs
      this.#put(item.key, {
        record,
        aliveUntilMs: heardMs + KUBE_CLUSTER_OFFLINE_MS,
        writtenMs: record.lastSeenMs,
      })
    }
  }
}

/** Records of earlier versions lack what these did not know. */
const withDefaults = (record: KubeClusterRecord): KubeClusterRecord => ({
  ...record,
  health: record.health ?? 'unknown',
  problem: record.problem ?? null,
  sinceMs: record.sinceMs ?? record.lastSeenMs,
  kubernetesVersion: record.kubernetesVersion ?? null,
  version: record.version ?? '',
  address: record.address ?? null,
  unknownLabels: record.unknownLabels ?? [],
})

/** Everything but when it was said. */
const contentOf = ({ lastSeenMs: _, ...rest }: KubeClusterRecord): string => JSON.stringify(rest)

const RANKS: Readonly<Record<KubeHealth, number>> = { healthy: 0, unknown: 1, unhealthy: 2 }
const rankOf = ({ health }: KubeClusterRecord): number => RANKS[health]

/** Two API servers of one cluster may differ amid an upgrade; two clusters that were given one name do for good. */
function versionsOf(alive: readonly Held[]): string | null {
  const said = new Set(alive.flatMap(({ record }) => record.kubernetesVersion ?? []))
  return said.size === 0 ? null : [...said].sort().join(', ')
}

/** When a service that serves no longer was there last. */
const endOf = ({ withdrawnAtMs, lastSeenMs }: KubeClusterRecord): number =>
  withdrawnAtMs ?? lastSeenMs

/** Cluster names are context names, of any length and with '/' in them; keys are neither. */
function keyOf(record: Pick<KubeClusterRecord, 'name' | 'hostId'>): string {
  return `${PREFIX}/${createHash('sha256').update(record.name).digest('hex')}/${record.hostId}`
}
