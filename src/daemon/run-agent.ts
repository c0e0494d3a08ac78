import { hostname } from 'node:os'
import { type Clock, formatAddress, type Logger } from '../core/index.ts'
import type { ForwarderMetrics } from '../forwarder/index.ts'
import type { Address, TeleportConfig } from './config/index.ts'
import { kubeSource } from './kube-source.ts'
import type { Metrics } from './metrics.ts'
import { type KubeService, openKubeService } from './services/kube.ts'
import { openKubeListener } from './services/kube-listener.ts'
import { type MemberLink, type MemberService, openMemberService } from './services/member.ts'
import { openRecorder } from './services/recorder.ts'

/** A kubernetes service in a process without auth. */
export interface Agent {
  readonly kube: KubeService
  readonly member: MemberService
  /** The port of the direct way in; null: there is none. */
  readonly port: number | null
  /** The first step of a drain. */
  stopListening(): void
}

/**
 * Opens a kubernetes service that the auth service of another process tells what counts; everything is disposed with `stack`.
 */
export async function openAgent(
  stack: AsyncDisposableStack,
  options: {
    readonly config: Pick<TeleportConfig, 'dataDir' | 'kube'>
    readonly link: MemberLink
    readonly version: string
    readonly metrics: Pick<Metrics, 'observeSpool' | 'observeRecorder'>
    readonly measured: ForwarderMetrics
    readonly env: Readonly<Record<string, string | undefined>>
    readonly clock: Clock
    readonly log: Logger
    readonly signal: AbortSignal
    readonly onFatal: (error: Error) => void
  },
): Promise<Agent> {
  const { config, link, env, clock, log } = options
  const { hostId, teleportCluster: clusterName } = link.identity
  const { listen, publicAddresses } = config.kube
  const member = await openMemberService(stack, {
    link,
    dataDir: config.dataDir,
    version: options.version,
    address: listen === null ? null : addressOf(publicAddresses[0] ?? listen),
    resources: config.kube.resources,
    env,
    clock,
    log: log.child({ service: 'member' }),
    signal: options.signal,
    onFatal: options.onFatal,
  })
  options.metrics.observeSpool(() => member.spool.stats())
  const recorder = await openRecorder(stack, {
    dataDir: config.dataDir,
    target: member.recordings,
    settings: () => member.access.recording(),
    metrics: options.metrics,
    clock,
    log: log.child({ service: 'kube' }),
  })
  const kube = await openKubeService(stack, {
    source: kubeSource(config, env, null),
    dynamic: member.dynamic,
    labels: config.kube.labels,
    commands: config.kube.commands,
    clusterName,
    hostId,
    access: member.access,
    peers: member.userPeers,
    certificates: member.certificates,
    authorities: member.authorities,
    audit: member.spool,
    auditMode: config.kube.audit,
    inventory: member.inventory,
    recorder,
    sessions: member.sessions,
    metrics: options.measured,
    env,
    clock,
    log: log.child({ service: 'kube' }),
  })
  const listener =
    listen === null
      ? null
      : await openKubeListener(stack, listen, {
          kube,
          secureContext: (name) => member.certificates.secureContext(name),
          peers: member.hostPeers,
          clock,
          log: log.child({ service: 'kube' }),
        })
  return { kube, member, port: listener?.port ?? null, stopListening: () => listener?.stop() }
}

const addressOf = ({ host, port }: Address): string =>
  formatAddress(host === '0.0.0.0' || host === '::' ? hostname() : host, port)
