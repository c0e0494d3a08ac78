import { createHash } from 'node:crypto'
import type { Clock } from '../core/index.ts'
import type { Backend } from '../storage/index.ts'
import { KUBE_CLUSTER_MEMORY_MS, KUBE_CLUSTER_OFFLINE_MS } from './limits.ts'

/** A Kubernetes cluster as a kubernetes service announced it. */
export interface KubeClusterRecord {
  readonly name: string
  readonly serverName: string
  readonly labels: Readonly<Record<string, string>>
  /** The host id of the service. */
  readonly hostId: string
  /** Milliseconds since the epoch. */
  readonly lastSeenMs: number
  /** When the service said goodbye; null while it serves or when it fell silent without a word. */
  readonly withdrawnAtMs: number | null
}

export interface KubeClusterStatus extends KubeClusterRecord {
  readonly online: boolean
  /** Since when it is offline; null when online. */
  readonly offlineSinceMs: number | null
}

const PREFIX = 'kube_servers'

/**
 * Which service serves which Kubernetes cluster, and since when it is silent. Services announce themselves; a record
 * outlives them for KUBE_CLUSTER_MEMORY_MS, so that a person hears that a cluster is offline, not that it never was.
 */
export class KubeClusterRegistry {
  readonly #backend: Backend
  readonly #clock: Clock

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
  }

  /** Called at start and every KUBE_CLUSTER_HEARTBEAT_MS by each service. */
  async announce(hostId: string, clusters: readonly Announcement[]): Promise<void> {
    const nowMs = this.#clock.now()
    await Promise.all(
      clusters.map((cluster) =>
        this.#put(
          { ...cluster, hostId, lastSeenMs: nowMs, withdrawnAtMs: null },
          nowMs + KUBE_CLUSTER_MEMORY_MS,
        ),
      ),
    )
  }

  /** Called when a service stops or no longer serves a cluster: offline from now on, not in 90 seconds. */
  async withdraw(hostId: string, names: readonly string[]): Promise<void> {
    const nowMs = this.#clock.now()
    for (const record of await this.#records()) {
      if (record.hostId !== hostId || !names.includes(record.name)) continue
      await this.#put({ ...record, withdrawnAtMs: nowMs }, nowMs + KUBE_CLUSTER_MEMORY_MS)
    }
  }

  /** One status per cluster name, that of the service heard last, by name. */
  async list(): Promise<readonly KubeClusterStatus[]> {
    const nowMs = this.#clock.now()
    const byName = new Map<string, KubeClusterRecord>()
    for (const record of await this.#records()) {
      const known = byName.get(record.name)
      if (known === undefined || heard(known) < heard(record)) byName.set(record.name, record)
    }
    return [...byName.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((record) => {
        const online =
          record.withdrawnAtMs === null && nowMs - record.lastSeenMs < KUBE_CLUSTER_OFFLINE_MS
        return {
          ...record,
          online,
          offlineSinceMs: online ? null : (record.withdrawnAtMs ?? record.lastSeenMs),
        }
      })
  }

  async find(name: string): Promise<KubeClusterStatus | null> {
    return (await this.list()).find((cluster) => cluster.name === name) ?? null
  }

  async findByServerName(serverName: string): Promise<KubeClusterStatus | null> {
    return (await this.list()).find((cluster) => cluster.serverName === serverName) ?? null
  }

  /** Removes every record of a cluster; true when there was one. */
  async forget(name: string): Promise<boolean> {
    let found = false
    for (const record of await this.#records()) {
      if (record.name !== name) continue
      await this.#backend.delete(keyOf(record))
      found = true
    }
    return found
  }

  async #put(record: KubeClusterRecord, expiresAtMs: number): Promise<void> {
    await this.#backend.put({ key: keyOf(record), value: JSON.stringify(record), expiresAtMs })
  }

  async #records(): Promise<readonly KubeClusterRecord[]> {
    const records: KubeClusterRecord[] = []
    let after: string | undefined
    do {
      const page = await this.#backend.list(PREFIX, after === undefined ? {} : { after })
      for (const item of page.items) records.push(JSON.parse(item.value) as KubeClusterRecord)
      after = page.next ?? undefined
    } while (after !== undefined)
    return records
  }
}

export type Announcement = Pick<KubeClusterRecord, 'name' | 'serverName' | 'labels'>

/** A service that serves beats one that said goodbye, however recently. */
function heard(record: KubeClusterRecord): number {
  return record.withdrawnAtMs === null ? record.lastSeenMs : 0
}

/** Cluster names are context names, of any length and with '/' in them; keys are neither. */
function keyOf(record: Pick<KubeClusterRecord, 'name' | 'hostId'>): string {
  return `${PREFIX}/${createHash('sha256').update(record.name).digest('hex')}/${record.hostId}`
}
