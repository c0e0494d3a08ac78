import { type ClusterHealth, KUBE_CLUSTER_HEARTBEAT_MS } from '../../api/index.ts'
import type { EncodedAuditLog } from '../../audit/index.ts'
import type { PeerCertificateParser } from '../../ca/index.ts'
import { type Clock, errorMessage, type Logger } from '../../core/index.ts'
import {
  type AccessSnapshots,
  createForwarder,
  type Forwarder,
  type ForwarderMetrics,
  type ServedCluster,
} from '../../forwarder/index.ts'
import { kubeServerName } from '../../protocol/index.ts'
import { loadUpstreams, openUpstream, type UpstreamSource } from '../../upstream/index.ts'
import { DaemonError } from '../errors.ts'
import { ClusterLabels, type LabelCommand } from '../labels.ts'
import { type Checked, HealthWatch } from './cluster-health.ts'
import type { ClusterInventory, KubeCertificates } from './kube-ports.ts'

export interface KubeService {
  readonly forwarder: Forwarder
  serves(serverName: string): boolean
  /** Names of the clusters, for the log and the first minute. */
  readonly names: readonly string[]
  /** How a cluster is, by its name. */
  health(cluster: string): ClusterHealth
  onHealthChange(listener: () => void): () => void
}

/** Changes that come together are announced together. */
const ANNOUNCE_GATHER_MS = 50

/** Opens the kubernetes service; what it owns is disposed with `stack`. */
export async function openKubeService(
  stack: AsyncDisposableStack,
  options: {
    readonly source: UpstreamSource
    readonly labels: Readonly<Record<string, string>>
    readonly commands: readonly LabelCommand[]
    readonly clusterName: string
    readonly hostId: string
    readonly access: AccessSnapshots
    /** What is underway is judged anew when they change, as when roles do. */
    readonly authorities: { onChange(listener: () => void): () => void }
    readonly peers: PeerCertificateParser
    readonly certificates: KubeCertificates
    readonly audit: EncodedAuditLog
    readonly auditMode: 'strict' | 'best_effort'
    readonly inventory: ClusterInventory
    readonly metrics: ForwarderMetrics
    readonly env: Readonly<Record<string, string | undefined>>
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<KubeService> {
  const { clusterName, hostId, inventory, log } = options

  const loaded = await loadUpstreams(options.source, {
    clock: options.clock,
    log,
    env: options.env,
  })
  if (loaded.clusters.length === 0) {
    throw new DaemonError(
      'NO_KUBE_CLUSTERS',
      'no Kubernetes cluster can be served: the lines above name the reason of each',
    )
  }

  let soon: NodeJS.Timeout | null = null
  let stopped = false
  const listeners = new Set<() => void>()
  const healthListeners = new Set<() => void>()
  const labels = stack.use(
    await ClusterLabels.open({
      labels: options.labels,
      commands: options.commands,
      log,
      onChange: () => {
        for (const listener of listeners) listener()
        announceSoon()
      },
    }),
  )
  const access: AccessSnapshots = {
    current: () => options.access.current(),
    locksAgeMs: (nowMs) => options.access.locksAgeMs(nowMs),
    tooOldSinceMs: (nowMs) => options.access.tooOldSinceMs(nowMs),
    onChange(listener) {
      listeners.add(listener)
      const stops = [options.access.onChange(listener), options.authorities.onChange(listener)]
      return () => {
        listeners.delete(listener)
        for (const stop of stops) stop()
      }
    },
  }

  const served = new Map<string, ServedCluster>()
  const checked: Checked[] = []
  for (const target of loaded.clusters) {
    const upstream = stack.use(openUpstream(target, { clock: options.clock, log }))
    const serverName = kubeServerName(clusterName, target.name)
    served.set(serverName, {
      name: target.name,
      serverName,
      labels: () => labels.current(),
      unknownLabels: () => labels.unknown(),
      upstream,
    })
    log.info({ cluster: target.name }, 'kubernetes cluster is served')
    checked.push({ name: target.name, upstream })
  }
  const health = stack.use(
    new HealthWatch({
      clusters: checked,
      clock: options.clock,
      log,
      onChange: () => healthChanged(),
    }),
  )

  const forwarder = createForwarder({
    clusters: { byServerName: (name) => served.get(name) ?? null },
    peers: options.peers,
    access,
    certificates: { secureContext: (name) => options.certificates.secureContext(name) },
    audit: options.audit,
    auditMode: options.auditMode,
    clusterName,
    hostId,
    metrics: options.metrics,
    clock: options.clock,
    log,
  })

  await options.certificates.serve([...served.values()])
  await announce()
  health.start()
  const heartbeat = setInterval(() => announceOrSay(), KUBE_CLUSTER_HEARTBEAT_MS)
  stack.defer(async () => {
    clearInterval(heartbeat)
    if (soon !== null) clearTimeout(soon)
    stopped = true
    await inventory.withdraw()
  })
  return {
    forwarder,
    serves: (name) => served.has(name),
    names: [...served.values()].map(({ name }) => name),
    health: (cluster) => health.current(cluster),
    onHealthChange(listener) {
      healthListeners.add(listener)
      return () => healthListeners.delete(listener)
    },
  }

  function healthChanged(): void {
    for (const listener of healthListeners) listener()
    announceSoon()
  }

  async function announce(): Promise<void> {
    await inventory.announce(
      [...served.values()].map(({ name, serverName }) => ({
        ...health.current(name),
        name,
        serverName,
        labels: labels.current(),
        unknownLabels: labels.unknown(),
      })),
    )
  }

  function announceOrSay(): void {
    announce().catch((error: unknown) =>
      log.warn({ error: errorMessage(error) }, 'cannot announce the kubernetes clusters'),
    )
  }

  /** When something changed, and not only with the next heartbeat. */
  function announceSoon(): void {
    if (stopped || soon !== null) return
    soon = setTimeout(() => {
      soon = null
      announceOrSay()
    }, ANNOUNCE_GATHER_MS)
  }
}
