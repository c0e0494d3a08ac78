import { join } from 'node:path'
import { type Upgrade, upgradeOf } from '../client/index.ts'
import { errorMessage, type Logger, systemClock } from '../core/index.ts'
import { type Dialer, openDialer, proxyFor, proxyRules } from '../dial/index.ts'
import {
  chooseStore,
  findWay,
  MemberAccess,
  MemberApi,
  type MemberRoute,
  openMemberIdentity,
} from '../member/index.ts'
import { lockDirectory } from '../storage/index.ts'
import { type Address, readJoinToken, type TeleportConfig } from './config/index.ts'
import { openDiag, type Readiness } from './diag.ts'
import { DaemonError } from './errors.ts'
import { DRAIN_MS } from './limits.ts'
import { createMetrics } from './metrics.ts'
import { type Agent, openAgent } from './run-agent.ts'
import type { RunOptions } from './run-options.ts'
import { openRemoteProxy } from './run-proxy.ts'
import type { MemberLink } from './services/member.ts'
import type { ProxyService } from './services/proxy.ts'
import { drainAgent, openAgentTunnels } from './services/tunnels.ts'
import { withTokenLabels } from './token-labels.ts'
import { loadPages } from './web-pages-on-disk.ts'

/**
 * Runs a kubernetes service, a proxy or both, whose auth service is elsewhere, until the signal aborts; then drains and resolves. Joins when it
 * has no identity yet. Rejects as `runDaemon` does.
 */
export async function runMember(options: RunOptions): Promise<void> {
  const { signal, log } = options
  let isReady = false
  try {
    await serve({
      ...options,
      async onStarted(started) {
        isReady = true
        await options.onStarted?.(started)
      },
    })
  } catch (error) {
    // Who is told to stop while it waits for the auth service, as long as that takes, has not failed.
    if (isReady || !signal.aborted) throw error
    log.info({ error: errorMessage(error) }, 'teleport was told to stop before it was ready')
  }
}

async function serve(options: RunOptions): Promise<void> {
  const { config, log, env, version } = options
  judge(config)
  const fatal = new AbortController()
  const signal = AbortSignal.any([options.signal, fatal.signal])
  let readiness: Readiness = 'starting'

  await using stack = new AsyncDisposableStack()
  if (options.isDirectoryLocked !== true) stack.use(await lockDirectory(config.dataDir))
  const metrics = createMetrics()
  const diagPort =
    config.diagAddress === null
      ? null
      : stack.use(
          await openDiag({
            ...config.diagAddress,
            readiness: () => readiness,
            metrics: metrics.registry,
          }),
        ).port
  const dial = openDialer(env)
  const route = routeOf({ config, dial, upgrade: upgradeOf(env), log, signal })
  const link = await joined(stack, options, route, signal)
  const agent = config.kube.enabled
    ? await openAgent(stack, {
        config: { ...config, kube: withTokenLabels(config.kube, link.labels) },
        link,
        version,
        metrics,
        measured: metrics.forwarder,
        env,
        clock: systemClock,
        log,
        signal,
        onFatal: (error) => fatal.abort(error),
      })
    : null
  const proxy = config.proxy.enabled
    ? await openProxy(stack, { options, agent, link, route, signal })
    : null
  if (proxy !== null) {
    metrics.observeGateways(() => proxy.gateways.map((one) => one.stats()))
    metrics.observeTunnels(() => proxy.tunnelStats())
  }
  // With a port of its own, and auth beside it, proxies come to us.
  const isReached = config.kube.listen !== null && route.via === 'auth'
  const tunnels =
    agent === null || isReached
      ? null
      : dialOut(stack, {
          agent,
          link,
          route,
          dial,
          mayDialBack: dialBackRule(config, env),
          version,
          log,
        })

  readiness = 'ok'
  const started = {
    clusterName: link.identity.teleportCluster,
    kubeClusters: agent?.kube.names ?? [],
    authPort: null,
    webPort: proxy?.webPort ?? null,
    kubePort: proxy?.kubePort ?? agent?.port ?? null,
    diagPort,
  }
  log.info({ ...started, hostId: link.identity.hostId, version }, 'teleport is ready')
  await options.onStarted?.(started)

  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
  readiness = 'stopping'
  log.info({}, 'teleport drains and stops; a second signal stops it at once')
  // Proxies that dial us go on to the next service.
  agent?.stopListening()
  await Promise.all([
    proxy?.close(DRAIN_MS),
    agent === null ? null : drainAgent(agent.kube.forwarder, tunnels, DRAIN_MS),
  ])
  if (fatal.signal.aborted) throw fatal.signal.reason
}

function judge({ proxy, kube, joining }: TeleportConfig): void {
  if (!kube.enabled && !proxy.enabled) {
    throw new DaemonError('USAGE', 'nothing is enabled: give --roles=kube, or auth,proxy,kube')
  }
  if (proxy.enabled && joining.server?.kind === 'proxy') {
    throw new DaemonError(
      'ROLE_NOT_POSSIBLE',
      'a proxy reaches the auth service itself: give teleport.auth_server instead of proxy_server, or say proxy_service.enabled: no',
    )
  }
  if (joining.server === null) {
    throw new DaemonError(
      'USAGE',
      'this process has no auth service: say where one is with teleport.proxy_server or teleport.auth_server',
    )
  }
}

function routeOf(parts: {
  readonly config: TeleportConfig
  readonly dial: Dialer
  readonly upgrade: Upgrade
  readonly log: Logger
  readonly signal: AbortSignal
}): MemberRoute {
  const { dial, upgrade } = parts
  const { server } = parts.config.joining
  const addresses = server?.addresses ?? []
  if (server?.kind !== 'proxy') return { via: server?.kind ?? 'auth', addresses, dial }
  return { via: 'proxy', addresses, dial, upgrade, way: findWay({ ...parts, addresses }) }
}

/** Who we are to the auth service, and the way to it. */
async function joined(
  stack: AsyncDisposableStack,
  { config, env, version, log }: RunOptions,
  route: MemberRoute,
  signal: AbortSignal,
): Promise<MemberLink & { readonly labels: Readonly<Record<string, string>> }> {
  const { joining } = config
  const identity = stack.use(
    await openMemberIdentity({
      route,
      store: chooseStore(env, config.dataDir),
      services: [
        ...(config.proxy.enabled ? (['proxy'] as const) : []),
        ...(config.kube.enabled ? (['kube'] as const) : []),
      ],
      token: async () => (joining.token === null ? null : readJoinToken(joining.token)),
      caPins: joining.caPins,
      insecure: joining.insecure,
      nodename: config.nodename,
      version,
      clock: systemClock,
      log: log.child({ service: 'member' }),
      signal,
    }),
  )
  return {
    identity,
    labels: identity.labels,
    calls: (timeoutMs) => {
      const api = new MemberApi(identity, route, { timeoutMs })
      return {
        call: (name, input) => api.call(name, input),
        [Symbol.dispose]: () => api[Symbol.dispose](),
      }
    },
  }
}

/** Calls that are answered at once. */
const CALL_MS = 15_000
/** A call that waits for news is answered within 25 s. */
const WAITING_CALL_MS = 35_000

async function openProxy(
  stack: AsyncDisposableStack,
  parts: {
    readonly options: RunOptions
    readonly agent: Agent | null
    readonly link: MemberLink
    readonly route: MemberRoute
    readonly signal: AbortSignal
  },
): Promise<ProxyService> {
  const { agent, link, signal } = parts
  const { config, version } = parts.options
  const log = parts.options.log.child({ service: 'proxy' })
  const calls = stack.use(link.calls(CALL_MS))
  const waiting = stack.use(link.calls(WAITING_CALL_MS))
  const access =
    agent?.member.access ??
    stack.use(
      await MemberAccess.open({
        identity: link.identity,
        call: (name, input) => waiting.call(name, input),
        path: join(config.dataDir, 'member-state.json'),
        clock: systemClock,
        log,
        signal,
      }),
    )
  return openRemoteProxy(stack, {
    config,
    identity: link.identity,
    route: parts.route,
    call: (name, input) => calls.call(name, input),
    trust: () => access.trust(),
    hostBar: (id, nowMs) => access.hostBar(id, nowMs),
    kube: agent?.kube ?? null,
    pages: await loadPages(log),
    version,
    clock: systemClock,
    log,
  })
}

/** Tunnels to the proxies that are configured, and to those that the auth service names. */
function dialOut(
  stack: AsyncDisposableStack,
  parts: {
    readonly agent: Agent
    readonly link: MemberLink
    readonly route: MemberRoute
    readonly dial: Dialer
    readonly mayDialBack: (address: Address) => boolean
    readonly version: string
    readonly log: Logger
  },
): ReturnType<typeof openAgentTunnels> {
  const { agent, link, route } = parts
  const { access, certificates } = agent.member
  const own = route.via === 'proxy' ? route.addresses : []
  const dial = route.way ?? parts.dial
  return openAgentTunnels(stack, {
    identity: link.identity,
    kube: agent.kube,
    certificates,
    healthy: (cluster) => agent.kube.health(cluster).health !== 'unhealthy',
    onHealthChange: (listener) => agent.kube.onHealthChange(listener),
    proxies: () => {
      const told = access.proxies().map(({ host, port, host_id: hostId }) => ({
        host,
        port,
        ...(hostId === undefined ? {} : { hostId }),
      }))
      return [...own, ...told]
    },
    onProxiesChange: (listener) => access.onProxiesChange(listener),
    hostBar: (id, nowMs) => access.hostBar(id, nowMs),
    dial: ({ host, port }, signal) => dial({ hostname: host, port }, signal),
    mayDialBack: parts.mayDialBack,
    version: parts.version,
    clock: systemClock,
    log: parts.log.child({ service: 'tunnel' }),
  })
}

/** Plain bytes have no way through an HTTP or SOCKS proxy that lets TLS pass and looks at it. */
function dialBackRule(
  config: TeleportConfig,
  env: Readonly<Record<string, string | undefined>>,
): (address: Address) => boolean {
  const rules = proxyRules(env)
  return ({ host, port }) =>
    config.tunnelDialBack && proxyFor(rules, { hostname: host, port }) === null
}
