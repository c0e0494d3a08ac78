import { join } from 'node:path'
import { createPeerParser, type TrustBundle } from '../ca/index.ts'
import type { Clock, Logger } from '../core/index.ts'
import type { Route } from '../gateway/index.ts'
import {
  type MemberCall,
  type MemberIdentity,
  type MemberRoute,
  ProxyCertificate,
  ProxyHeartbeats,
} from '../member/index.ts'
import { ANY_AUTH_SERVER_NAME, authServerName } from '../protocol/index.ts'
import { spkiPin } from '../x509/index.ts'
import type { TeleportConfig } from './config/index.ts'
import { publicKubeAddress, publicProxies, publicWebAddress } from './public-addresses.ts'
import { createRemoteAuth, createRemoteStrangers } from './remote-auth.ts'
import { createDirectWays } from './services/direct.ts'
import type { KubeService } from './services/kube.ts'
import { openProxyService, type ProxyService } from './services/proxy.ts'
import { type HostBar, openTunnelServer } from './services/tunnels.ts'
import { openWebDoor } from './web.ts'
import type { WebAssets } from './web-assets.ts'
import { ownNames, ownPair, type WebCertificates } from './web-certificates.ts'

/**
 * Opens a proxy in a process without auth: connections for the auth service, and for clusters that nobody serves, are carried to
 * it, still encrypted; pages ask it. Everything is disposed with `stack`.
 */
export async function openRemoteProxy(
  stack: AsyncDisposableStack,
  options: {
    readonly config: Pick<TeleportConfig, 'dataDir' | 'proxy' | 'tunnelDialBack'>
    readonly identity: MemberIdentity
    /** To auth services themselves. */
    readonly route: MemberRoute
    readonly call: MemberCall
    /** Whom to trust now. */
    readonly trust: () => TrustBundle
    /** Which services of ours are to be refused. */
    readonly hostBar: HostBar
    /** The kubernetes service of the same process. */
    readonly kube: KubeService | null
    readonly pages: WebAssets | null
    readonly version: string
    readonly clock: Clock
    readonly log: Logger
  },
): Promise<ProxyService> {
  const { config, identity, clock, log } = options
  const { proxy } = config
  const { teleportCluster } = identity
  const { dnsNames, ipAddresses } = ownNames(proxy)
  const certificate = stack.use(
    await ProxyCertificate.open({
      identity,
      call: options.call,
      names: dnsNames,
      addresses: ipAddresses,
      path: join(config.dataDir, 'proxy-certificate.json'),
      clock,
      log,
    }),
  )
  const certificates: WebCertificates =
    proxy.keyPair === null
      ? {
          secureContext: async () => certificate.secureContext(),
          nameless: async () => certificate.pair(),
        }
      : await ownPair(proxy.keyPair, clock, log)
  const auth = createRemoteAuth(identity, options.route)
  const toAuth: Route = { kind: 'pipe', dial: (origin, signal) => auth.dial(origin, signal) }
  const peers = createPeerParser({
    trust: options.trust,
    teleportCluster,
    accept: ['host'],
    hostBar: options.hostBar,
  })
  const tunnels = openTunnelServer(stack, {
    teleportCluster,
    secureContext: async () => certificate.secureContext(),
    peers,
    dialBack: config.tunnelDialBack,
    clock,
    log,
  })
  const door = await openWebDoor({
    certificates,
    clusterName: teleportCluster,
    version: options.version,
    kubeAddress: publicKubeAddress(config),
    caPins: () => [spkiPin(identity.current().hostCaPem)],
    strangers: createRemoteStrangers({ identity, auth, log }),
    pages: options.pages,
    strictTransport: proxy.keyPair !== null,
    trustForwardedFor: proxy.trustForwardedFor,
    log,
  })
  stack.defer(() => door.close())
  const authName = authServerName(teleportCluster)
  const heartbeats = stack.use(
    await ProxyHeartbeats.open({
      call: options.call,
      version: options.version,
      startedMs: clock.now(),
      word: {
        tunnel_addresses: publicProxies(config).map(({ host, port }) => ({ host, port })),
        web_address: publicWebAddress(config),
        kube_address: publicKubeAddress(config),
      },
      path: join(config.dataDir, 'member-direct.json'),
      log,
    }),
  )
  const service = await openProxyService(stack, {
    web: { ...proxy.webListen, door },
    kube: proxy.kubernetes?.listen ?? null,
    tunnel: proxy.tunnelListen,
    ways: {
      auth: {
        serves: (name) => name === authName || name === ANY_AUTH_SERVER_NAME,
        route: toAuth,
      },
      kube: options.kube,
      tunnels,
      direct: createDirectWays({
        addressesOf: (name) => heartbeats.addressesOf(name),
        credentials: async () => identity.current(),
        peers,
        clock,
        log,
      }),
      undeliverable: toAuth,
    },
    proxyProtocol: proxy.proxyProtocol,
    log,
  })
  void heartbeats.say()
  return {
    ...service,
    async close(graceMs) {
      await Promise.all([heartbeats.withdraw(), service.close(graceMs)])
    },
  }
}
