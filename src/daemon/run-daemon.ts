import type { Registry } from 'prom-client'
import { clusterAccess } from '../authz/index.ts'
import { createPeerParser } from '../ca/index.ts'
import { type Logger, systemClock } from '../core/index.ts'
import {
  createUndeliverable,
  type ForwarderMetrics,
  type Undeliverable,
} from '../forwarder/index.ts'
import type { GatewayStats } from '../gateway/index.ts'
import { OWN_LINEAGE } from '../join/index.ts'
import { ANY_AUTH_SERVER_NAME, proxyServerName, SERVER_NAME_SUFFIX } from '../protocol/index.ts'
import { lockDirectory } from '../storage/index.ts'
import { readStaticTokens, type TeleportConfig } from './config/index.ts'
import { openDiag, type Readiness } from './diag.ts'
import { DaemonError } from './errors.ts'
import { HostCertificates } from './host-certificates.ts'
import { loadHostId } from './host-id.ts'
import { kubeSource } from './kube-source.ts'
import { DRAIN_MS } from './limits.ts'
import { bothMetrics, createMetrics } from './metrics.ts'
import {
  publicAuthAddress,
  publicKubeAddress,
  publicProxies,
  publicWebAddress,
  publicWebUrl,
} from './public-addresses.ts'
import { runMember } from './run-member.ts'
import type { RunOptions, Started } from './run-options.ts'
import { type AuthService, openAuthService } from './services/auth.ts'
import { openAuthDoor } from './services/auth-door.ts'
import { createDirectWays } from './services/direct.ts'
import { type KubeService, openKubeService } from './services/kube.ts'
import { openKubeListener } from './services/kube-listener.ts'
import type { ClusterInventory, ServedFacts } from './services/kube-ports.ts'
import { localDynamicClusters } from './services/local-dynamic.ts'
import { openProxyService, type ProxyService } from './services/proxy.ts'
import { openRecorder } from './services/recorder.ts'
import { localSessions } from './services/sessions.ts'
import { openTunnelServer } from './services/tunnels.ts'
import { watchEventLoop } from './stats/event-loop.ts'
import { LiveStats } from './stats/live-stats.ts'
import { openWebDoor } from './web.ts'
import { openWebCertificates } from './web-certificates.ts'
import { loadPages } from './web-pages-on-disk.ts'

export const daemonRoles = ['auth', 'proxy', 'kube'] as const
export type DaemonRole = (typeof daemonRoles)[number]

/**
 * Runs the services of a configuration until the signal aborts, then drains and resolves. Rejects when something cannot
 * be opened, or dies underway; what was opened is closed either way, in reverse order.
 */
export async function runDaemon(options: RunOptions): Promise<void> {
  const { config, log, env, version } = options
  if (!config.auth.enabled) return runMember(options)
  if (config.joining.server?.kind === 'proxy') {
    throw new DaemonError(
      'ROLE_NOT_POSSIBLE',
      'teleport.proxy_server names a Teleport cluster to join, and this process is one of its own: say auth_service.enabled: no and proxy_service.enabled: no (or start with --roles=kube), or leave proxy_server out',
    )
  }
  const fatal = new AbortController()
  const signal = AbortSignal.any([options.signal, fatal.signal])
  let readiness: Readiness = 'starting'

  await using stack = new AsyncDisposableStack()
  if (options.isDirectoryLocked !== true) stack.use(await lockDirectory(config.dataDir))
  const metrics = createMetrics()
  const stats = new LiveStats({
    clock: systemClock,
    version,
    clusterName: config.auth.clusterName,
    eventLoop: stack.use(watchEventLoop()),
  })
  const measured = bothMetrics(metrics.forwarder, stats.forwarder)
  let refusing = (): boolean => false
  const diagPort = await openDiagnostics(stack, config, metrics.registry, () =>
    readiness === 'ok' && refusing() ? 'degraded' : readiness,
  )
  const hostId = await loadHostId(config.dataDir)
  const kubeAddress = publicKubeAddress(config)
  const local = { host: loopbackOf(config.auth.listen.host), port: config.auth.listen.port }

  const auth = await openAuthService(stack, {
    dataDir: config.dataDir,
    databasePath: config.databasePath,
    recordingsPath: config.recordingsPath,
    recordingHostQuota: config.auth.recordingHostQuota,
    recordingSettings: config.auth.recording,
    recordingRetentionMs: config.auth.recordingRetentionMs,
    clusterName: config.auth.clusterName,
    hostId,
    version,
    kubeAddress,
    webUrl: publicWebUrl(config),
    ownProxies: publicProxies(config).map((address) =>
      config.proxy.enabled ? { ...address, hostId } : address,
    ),
    secondFactor: config.auth.secondFactor,
    staticTokens: await readStaticTokens(config.auth.tokens, config.auth.tokensKubeResources),
    joinAddresses: {
      proxy: publicWebAddress(config),
      auth: publicAuthAddress(config),
    },
    localAddress: local,
    stats,
    env,
    clock: systemClock,
    log: log.child({ service: 'auth' }),
    onFatal: (error) => fatal.abort(error),
  })
  metrics.observeSpool(() => auth.spool.stats())
  // Under `best_effort` people are served without it.
  refusing = () => config.kube.audit === 'strict' && auth.spool.stats().refusing
  stats.observeSpool(() => auth.spool.stats())
  const isInPod = env['KUBERNETES_SERVICE_HOST'] !== undefined
  const kube =
    config.kube.enabled || (config.kube.enabledInPod && isInPod)
      ? await openKubeService(stack, {
          // In a combined set-up the cluster is called like the Teleport cluster, as the original does.
          source: kubeSource(config, env, config.auth.clusterName),
          dynamic: localDynamicClusters(auth.dynamicClusters, config.kube.resources),
          labels: config.kube.labels,
          commands: config.kube.commands,
          clusterName: config.auth.clusterName,
          hostId,
          access: auth.access,
          peers: auth.userPeers,
          certificates: auth.certificates,
          authorities: auth.authorities,
          audit: auth.spool,
          auditMode: config.kube.audit,
          inventory: localInventory(auth, hostId, version, log),
          sessions: localSessions(auth.sessions, hostId, systemClock, log),
          recorder: await openRecorder(stack, {
            dataDir: config.dataDir,
            target: auth.recordings,
            settings: () => config.auth.recording,
            metrics,
            clock: systemClock,
            log: log.child({ service: 'kube' }),
          }),
          metrics: measured,
          env,
          clock: systemClock,
          log: log.child({ service: 'kube' }),
        })
      : null
  const undeliverable = openUndeliverable(auth, config.auth.clusterName, hostId, measured, log)
  const proxy = config.proxy.enabled
    ? await openProxy(stack, {
        config,
        auth,
        kube,
        undeliverable,
        hostId,
        kubeAddress,
        version,
        log,
      })
    : null
  if (proxy !== null) {
    const gateways = (): GatewayStats[] => proxy.gateways.map((gateway) => gateway.stats())
    metrics.observeGateways(gateways)
    metrics.observeTunnels(() => proxy.tunnelStats())
    stats.observeGateways(gateways)
  }
  const authDoor = await openAuthDoor(stack, {
    ...config.auth.listen,
    serverName: auth.serverName,
    listener: auth.listener,
    undeliverable,
    secureContext: (name) => auth.certificates.secureContext(name),
    peers: auth.hostPeers,
    clock: systemClock,
    log: log.child({ service: 'auth' }),
  })
  const kubeListener =
    kube !== null && config.kube.listen !== null
      ? await openKubeListener(stack, config.kube.listen, {
          kube,
          secureContext: (name) => auth.certificates.secureContext(name),
          peers: auth.hostPeers,
          clock: systemClock,
          log: log.child({ service: 'kube' }),
        })
      : null

  readiness = 'ok'
  const started: Started = {
    clusterName: config.auth.clusterName,
    kubeClusters: kube?.names ?? [],
    authPort: authDoor.port,
    webPort: proxy?.webPort ?? null,
    kubePort: proxy?.kubePort ?? null,
    diagPort,
  }
  log.info({ ...started, hostId, version }, 'teleport is ready')
  // Who wants to stop does not wait for what is told at the start.
  await Promise.race([options.onStarted?.(started), aborted(signal)])

  await aborted(signal)
  readiness = 'stopping'
  log.info({}, 'teleport drains and stops; a second signal stops it at once')
  authDoor.stop()
  kubeListener?.stop()
  // The data path first, while audit and authorities still serve it.
  await Promise.all([
    proxy?.close(DRAIN_MS),
    kube?.forwarder.close(DRAIN_MS),
    undeliverable.close(DRAIN_MS),
    auth.listener.close(DRAIN_MS),
  ])
  if (fatal.signal.aborted) throw fatal.signal.reason
}

async function openDiagnostics(
  stack: AsyncDisposableStack,
  config: TeleportConfig,
  metrics: Registry,
  readiness: () => Readiness,
): Promise<number | null> {
  if (config.diagAddress === null) return null
  const diag = stack.use(await openDiag({ ...config.diagAddress, readiness, metrics }))
  return diag.port
}

/** Answers on behalf of clusters that nobody serves. */
function openUndeliverable(
  auth: AuthService,
  clusterName: string,
  hostId: string,
  metrics: ForwarderMetrics,
  log: Logger,
): Undeliverable {
  return createUndeliverable({
    // One certificate for whatever is asked for: a scan of names must cost nothing.
    secureContext: () => auth.certificates.secureContext(`*.${SERVER_NAME_SUFFIX}`),
    peers: auth.userPeers,
    access: auth.access,
    audit: auth.spool,
    clusterName,
    hostId,
    metrics,
    clock: systemClock,
    log,
    async describe(serverName, identity) {
      const cluster = await auth.kubeClusters.findByServerName(serverName)
      if (cluster === null) return { kind: 'unknown' }
      const subject = auth.access.current().subject(identity)
      const visible = subject !== null && clusterAccess(subject, cluster).effect === 'allow'
      if (!visible) return { kind: 'unknown' }
      if (cluster.online) {
        return {
          kind: 'unreached',
          cluster: cluster.name,
          labels: cluster.labels,
          heardMs: cluster.lastSeenMs,
        }
      }
      return {
        kind: 'offline',
        cluster: cluster.name,
        labels: cluster.labels,
        sinceMs: cluster.offlineSinceMs ?? cluster.lastSeenMs,
      }
    },
  })
}

async function openProxy(
  stack: AsyncDisposableStack,
  options: {
    config: TeleportConfig
    auth: AuthService
    kube: KubeService | null
    undeliverable: Undeliverable
    hostId: string
    kubeAddress: string | null
    version: string
    log: Logger
  },
): Promise<ProxyService> {
  const { config, auth, kube, undeliverable, log } = options
  const { clusterName } = config.auth
  // Agents take for a proxy only who is certified as one.
  const certificates = await HostCertificates.open(
    auth.authorities,
    {
      kind: 'host',
      teleportCluster: clusterName,
      hostId: options.hostId,
      services: ['proxy'],
    },
    systemClock,
  )
  const peers = createPeerParser({
    trust: () => auth.authorities.trust(),
    teleportCluster: clusterName,
    accept: ['host'],
    hostBar: (id, nowMs) => auth.access.current().hostBar(id, nowMs),
  })
  const tunnels = openTunnelServer(stack, {
    teleportCluster: clusterName,
    secureContext: (name) => certificates.secureContext(name),
    peers,
    dialBack: config.tunnelDialBack,
    clock: systemClock,
    log: log.child({ service: 'proxy' }),
  })
  const door = await openWebDoor({
    certificates: await openWebCertificates(config.proxy, auth.certificates, systemClock, log),
    clusterName,
    version: options.version,
    kubeAddress: options.kubeAddress,
    caPins: () => [auth.authorities.caPin],
    strangers: auth.strangers,
    pages: await loadPages(log),
    strictTransport: config.proxy.keyPair !== null,
    trustForwardedFor: config.proxy.trustForwardedFor,
    log,
  })
  stack.defer(() => door.close())
  return openProxyService(stack, {
    web: { ...config.proxy.webListen, door },
    kube: config.proxy.kubernetes?.listen ?? null,
    tunnel: config.proxy.tunnelListen,
    ways: {
      auth: {
        serves: (name) => name === auth.serverName || name === ANY_AUTH_SERVER_NAME,
        route: {
          kind: 'local',
          accept: (socket, origin) => auth.listener.accept(socket, origin),
        },
      },
      kube,
      tunnels,
      direct: createDirectWays({
        addressesOf: (serverName) =>
          auth.kubeClusters.serving(serverName).flatMap(({ address }) => address ?? []),
        async credentials() {
          const { certificate, key } = await certificates.pair(proxyServerName(clusterName))
          return {
            certificatePem: certificate,
            privateKeyPem: key,
            hostCaPem: auth.authorities.trustedPem().hostCas.join('\n'),
          }
        },
        peers,
        clock: systemClock,
        log: log.child({ service: 'proxy' }),
      }),
      undeliverable: {
        kind: 'local',
        accept: (socket, origin) => undeliverable.accept(socket, origin),
      },
    },
    proxyProtocol: config.proxy.proxyProtocol,
    log: log.child({ service: 'proxy' }),
  })
}

/** What the kubernetes service of this process says is known at once. */
function localInventory(
  auth: AuthService,
  hostId: string,
  version: string,
  log: Logger,
): ClusterInventory {
  let names: readonly string[] = []
  const foreign = new Set<string>()
  const isOurs = async (name: string): Promise<boolean> => {
    const written = auth.dynamicClusters.find(name) !== null
    const ours =
      !written && (await auth.joining.names.claim(name, OWN_LINEAGE)).lineage === OWN_LINEAGE
    if (ours) {
      foreign.delete(name)
      return true
    }
    if (!foreign.has(name)) {
      log.error(
        { cluster: name },
        written
          ? 'a cluster of this process is not served: the name is that of a kube_cluster resource (tctl rm kube_cluster/<name> removes it)'
          : 'a cluster of this process is not served: the name belongs to agents of a join token (tctl rm kube_server/<name> frees it)',
      )
    }
    foreign.add(name)
    return false
  }
  return {
    async announce(clusters) {
      const ours: ServedFacts[] = []
      for (const cluster of clusters) {
        if (cluster.dynamic || (await isOurs(cluster.name))) ours.push(cluster)
      }
      names = ours.map(({ name }) => name)
      await auth.kubeClusters.announce(
        hostId,
        ours.map(({ dynamic: _, ...cluster }) => ({ ...cluster, version, address: null })),
      )
    },
    isForeign: (name) => foreign.has(name),
    withdraw: () => auth.kubeClusters.withdraw(hostId, names),
  }
}

const loopbackOf = (host: string): string =>
  host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
