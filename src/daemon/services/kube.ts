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
  type SessionRecorder,
} from '../../forwarder/index.ts'
import { kubeServerName } from '../../protocol/index.ts'
import {
  type KubeTarget,
  type LoadUpstreamsOptions,
  loadUpstreams,
  openUpstream,
  type UpstreamSource,
} from '../../upstream/index.ts'
import { DaemonError } from '../errors.ts'
import { ClusterLabels, type LabelCommand } from '../labels.ts'
import { type Checked, HealthWatch } from './cluster-health.ts'
import { DynamicServedClusters } from './dynamic-served.ts'
import type { ClusterInventory, DynamicClusterSource, KubeCertificates } from './kube-ports.ts'
import type { SessionLink } from './sessions.ts'

export interface KubeService {
  readonly forwarder: Forwarder
  serves(serverName: string): boolean
  /** Names of the clusters that are served now. */
  readonly names: readonly string[]
  /** How a cluster is, by its name. */
  health(cluster: string): ClusterHealth
  /** Calls back after each change of names or health, until the returned function is called. */
  onHealthChange(listener: () => void): () => void
}

interface Served {
  readonly cluster: ServedCluster
  readonly dynamic: boolean
}

/** Changes that come together are announced together. */
const ANNOUNCE_GATHER_MS = 50

/** Opens the kubernetes service; what it owns is disposed with `stack`. */
export async function openKubeService(
  stack: AsyncDisposableStack,
  options: {
    /** Null: only dynamic clusters are served. */
    readonly source: UpstreamSource | null
    /** Null: none are picked up. */
    readonly dynamic: DynamicClusterSource | null
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
    readonly recorder: SessionRecorder
    readonly sessions: SessionLink
    readonly metrics: ForwarderMetrics
    readonly env: Readonly<Record<string, string | undefined>>
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<KubeService> {
  const { clusterName, hostId, inventory, log } = options

  const targets = await targetsOf(options.source, { clock: options.clock, log, env: options.env })
  if (targets.length === 0 && options.dynamic === null) {
    throw new DaemonError(
      'NO_KUBE_CLUSTERS',
      'no Kubernetes cluster can be served: the lines above name the reason of each',
    )
  }

  let soon: NodeJS.Timeout | null = null
  let stopped = false
  /** Names of ours that turned out to be another's. */
  let foreign = ''
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

  const fixed = new Map<string, ServedCluster>()
  const checked: Checked[] = []
  for (const target of targets) {
    const upstream = stack.use(openUpstream(target, { clock: options.clock, log }))
    const serverName = kubeServerName(clusterName, target.name)
    fixed.set(serverName, {
      name: target.name,
      serverName,
      labels: () => labels.current(),
      unknownLabels: () => labels.unknown(),
      upstream,
    })
    log.info({ cluster: target.name }, 'kubernetes cluster is served')
    checked.push({ name: target.name, upstream })
  }
  const taken = new Set(targets.map(({ name }) => name))
  const dynamic = stack.use(
    new DynamicServedClusters({
      isTaken: (name) => taken.has(name),
      serverNameOf: (name) => kubeServerName(clusterName, name),
      open: (target) => openUpstream(target, { clock: options.clock, log }),
      log,
    }),
  )
  let served: ReadonlyMap<string, Served> = servedNow()
  const health = stack.use(
    new HealthWatch({
      clusters: checked,
      clock: options.clock,
      log,
      onChange: () => healthChanged(),
    }),
  )

  const forwarder: Forwarder = createForwarder({
    clusters: { byServerName: clusterOf },
    peers: options.peers,
    access,
    certificates: { secureContext: (name) => options.certificates.secureContext(name) },
    audit: options.audit,
    auditMode: options.auditMode,
    clusterName,
    hostId,
    recorder: options.recorder,
    leases: options.sessions.leases(() => forwarder.sessions.list()),
    metrics: options.metrics,
    clock: options.clock,
    log,
  })

  // Before the first look, so that nothing that comes in between is missed.
  const stopTaking = options.dynamic?.onChange(() => {
    if (takeDynamic()) changed()
  })
  takeDynamic()
  await options.certificates.serve(facts())
  await announce()
  // Now that it is known whose sessions we may speak of.
  options.sessions.attach(stack, forwarder.sessions)
  health.start()
  const heartbeat = setInterval(() => announceOrSay(), KUBE_CLUSTER_HEARTBEAT_MS)
  stack.defer(async () => {
    stopTaking?.()
    clearInterval(heartbeat)
    if (soon !== null) clearTimeout(soon)
    stopped = true
    await inventory.withdraw()
  })
  return {
    forwarder,
    serves: (name) => clusterOf(name) !== null,
    get names() {
      return [...served.values()].map(({ cluster }) => cluster.name)
    },
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

  function clusterOf(serverName: string): ServedCluster | null {
    const cluster = served.get(serverName)?.cluster ?? null
    return cluster !== null && inventory.isForeign?.(cluster.name) === true ? null : cluster
  }

  function servedNow(): ReadonlyMap<string, Served> {
    return new Map([
      ...[...fixed].map(([name, cluster]): [string, Served] => [name, { cluster, dynamic: false }]),
      ...dynamic
        .clusters()
        .map((cluster): [string, Served] => [cluster.serverName, { cluster, dynamic: true }]),
    ])
  }

  function facts(): { name: string; serverName: string; dynamic: boolean }[] {
    return [...served.values()].map(({ cluster: { name, serverName }, dynamic: isDynamic }) => ({
      name,
      serverName,
      dynamic: isDynamic,
    }))
  }

  /** Serves the dynamic clusters of now. True when something changed. */
  function takeDynamic(): boolean {
    const changes = dynamic.apply(options.dynamic?.current() ?? [])
    if (!changes.any) return false
    served = servedNow()
    for (const { name } of changes.dropped) health.remove(name)
    for (const { name, upstream } of changes.added) health.add({ name, upstream })
    // What is underway hears of it before its way up is closed.
    for (const listener of listeners) listener()
    for (const { upstream } of changes.dropped) upstream.retire()
    return true
  }

  function changed(): void {
    options.certificates
      .serve(facts())
      .catch((error: unknown) =>
        log.warn({ error: errorMessage(error) }, 'no certificates for the kubernetes clusters'),
      )
    healthChanged()
  }

  async function announce(): Promise<void> {
    await inventory.announce(
      [...served.values()].map(({ cluster, dynamic: isDynamic }) => ({
        ...health.current(cluster.name),
        name: cluster.name,
        serverName: cluster.serverName,
        labels: cluster.labels(),
        unknownLabels: cluster.unknownLabels(),
        dynamic: isDynamic,
      })),
    )
    const foreignNow = foreignNames()
    if (foreignNow === foreign) return
    foreign = foreignNow
    // What is underway under a name that is another's by now ends, and one that is ours again needs a certificate.
    for (const listener of listeners) listener()
    changed()
  }

  function foreignNames(): string {
    const names = [...served.values()].map(({ cluster }) => cluster.name)
    return names.filter((name) => inventory.isForeign?.(name) === true).join('\n')
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

async function targetsOf(
  source: UpstreamSource | null,
  options: LoadUpstreamsOptions,
): Promise<readonly KubeTarget[]> {
  return source === null ? [] : (await loadUpstreams(source, options)).clusters
}
