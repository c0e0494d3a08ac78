import type { KubeClusterRegistry } from '../../api/index.ts'
import { KUBE_CLUSTER_HEARTBEAT_MS } from '../../api/index.ts'
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
import {
  loadUpstreams,
  openUpstream,
  type SelfCheckReport,
  type UpstreamSource,
} from '../../upstream/index.ts'
import { DaemonError } from '../errors.ts'
import type { HostCertificates } from '../host-certificates.ts'
import { ClusterLabels, type LabelCommand } from '../labels.ts'
import { fewAtOnce } from './few-at-once.ts'

export interface KubeService {
  readonly forwarder: Forwarder
  serves(serverName: string): boolean
  /** Names of the clusters, for the log and the first minute. */
  readonly names: readonly string[]
}

/** Clusters that are asked for our rights at the same time, so that their connections are not all open together. */
const SELF_CHECKS_AT_ONCE = 8

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
    readonly certificates: HostCertificates
    readonly audit: EncodedAuditLog
    readonly auditMode: 'strict' | 'best_effort'
    readonly registry: KubeClusterRegistry
    readonly metrics: ForwarderMetrics
    readonly env: Readonly<Record<string, string | undefined>>
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<KubeService> {
  const { clusterName, hostId, registry, log } = options

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

  const listeners = new Set<() => void>()
  const labels = stack.use(
    await ClusterLabels.open({
      labels: options.labels,
      commands: options.commands,
      log,
      onChange: () => {
        for (const listener of listeners) listener()
      },
    }),
  )
  const access: AccessSnapshots = {
    current: () => options.access.current(),
    locksAgeMs: (nowMs) => options.access.locksAgeMs(nowMs),
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
  const selfChecks: (() => Promise<void>)[] = []
  for (const target of loaded.clusters) {
    const upstream = stack.use(openUpstream(target, { clock: options.clock, log }))
    const serverName = kubeServerName(clusterName, target.name)
    served.set(serverName, {
      name: target.name,
      serverName,
      labels: () => labels.current(),
      upstream,
    })
    log.info({ cluster: target.name }, 'kubernetes cluster is served')
    selfChecks.push(async () => sayReport(log, target.name, await upstream.selfCheck()))
  }
  void fewAtOnce(selfChecks, SELF_CHECKS_AT_ONCE)

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

  await announce()
  const heartbeat = setInterval(() => {
    announce().catch((error: unknown) =>
      log.warn({ error: errorMessage(error) }, 'cannot announce the kubernetes clusters'),
    )
  }, KUBE_CLUSTER_HEARTBEAT_MS)
  const names = [...served.values()].map(({ name }) => name)
  stack.defer(async () => {
    clearInterval(heartbeat)
    await registry.withdraw(hostId, names)
  })
  return { forwarder, serves: (name) => served.has(name), names }

  async function announce(): Promise<void> {
    await registry.announce(
      hostId,
      [...served.values()].map(({ name, serverName }) => ({
        name,
        serverName,
        labels: labels.current(),
      })),
    )
  }
}

/** Tells an administrator what the account of this service lacks, or has too much of. */
function sayReport(log: Logger, cluster: string, report: SelfCheckReport): void {
  if (!report.reachable) {
    log.warn({ cluster, problem: report.problem }, 'the kubernetes API server does not answer yet')
    return
  }
  if (report.missing.length > 0) {
    log.warn(
      { cluster, missing: report.missing },
      'the account of this service lacks rights in the cluster: people will be refused by its API server',
    )
  }
  if (report.problem !== null) {
    log.warn({ cluster, problem: report.problem }, 'the rights in the cluster could not be checked')
  }
  if (report.tooPowerful) {
    log.warn(
      { cluster },
      'the account of this service may do everything in the cluster: one that may only impersonate is safer (docs/kubernetes-rights.md)',
    )
  }
}
