import type { SecureContext } from 'node:tls'
import type { PeerCertificateParser } from '../../ca/index.ts'
import type { Clock, Logger } from '../../core/index.ts'
import { kubeServerName } from '../../protocol/index.ts'
import type { ServerPair } from '../../tls/index.ts'
import {
  type AnnouncedName,
  createTunnelServer,
  openTunnels,
  type ProxyAddress,
  type TunnelIdentity,
  type TunnelServer,
  type Tunnels,
  type TunnelsOptions,
} from '../../tunnel/index.ts'
import { certificateFromPem } from '../../x509/index.ts'
import type { KubeService } from './kube.ts'

/** The proxy's end of the tunnels; cut with `stack`, to drain, close the proxy service before. */
export function openTunnelServer(
  stack: AsyncDisposableStack,
  options: {
    readonly teleportCluster: string
    readonly secureContext: (serverName: string) => Promise<SecureContext>
    /** Judges certificates of hosts. */
    readonly peers: PeerCertificateParser
    /** Whether agents may be asked to dial back. */
    readonly dialBack: boolean
    readonly clock: Clock
    readonly log: Logger
  },
): TunnelServer {
  const tunnels = createTunnelServer(options)
  stack.defer(() => tunnels.close(0))
  return tunnels
}

export type HostBar = (hostId: string, nowMs: number) => string | null

/** What an agent's certificates are, as far as a tunnel shows them. */
export interface AnnouncedCertificates {
  /** Null while there is none. */
  pairOf(serverName: string): ServerPair | null
  onChange(listener: () => void): () => void
}

/**
 * The agent's end: tunnels to all proxies, through which people reach the clusters of a kubernetes service. Cut with `stack`;
 * to drain, close it before. Clusters without a certificate of the host CA are not announced: no proxy would believe it.
 */
export function openAgentTunnels(
  stack: AsyncDisposableStack,
  options: {
    readonly identity: TunnelIdentity
    readonly kube: KubeService
    readonly certificates: AnnouncedCertificates
    /** Whether a cluster answers, by its name; not given: it does. */
    readonly healthy?: (cluster: string) => boolean
    readonly onHealthChange?: (listener: () => void) => () => void
    readonly proxies: () => readonly ProxyAddress[]
    readonly onProxiesChange: (listener: () => void) => () => void
    readonly dial: TunnelsOptions['dial']
    /** Whether a proxy may ask for plain connections to its address. */
    readonly mayDialBack: (address: ProxyAddress) => boolean
    /** Why a proxy is not to be trusted, although its certificate is genuine; null: it is. */
    readonly hostBar: HostBar
    readonly version: string
    readonly clock: Clock
    readonly log: Logger
  },
): Tunnels {
  const { identity, kube, certificates } = options
  const tunnels = openTunnels({
    identity,
    version: options.version,
    proxies: options.proxies,
    onProxiesChange: options.onProxiesChange,
    names: () =>
      kube.names.flatMap((cluster): AnnouncedName[] => {
        const serverName = kubeServerName(identity.teleportCluster, cluster)
        const pair = certificates.pairOf(serverName)
        if (pair === null) return []
        const healthy = options.healthy?.(cluster) ?? true
        return [{ serverName, certificate: certificateFromPem(pair.certificate), healthy }]
      }),
    onNamesChange(listener) {
      const stops = [certificates.onChange(listener), options.onHealthChange?.(listener)]
      return () => {
        for (const stop of stops) stop?.()
      }
    },
    onConnection: (stream, { origin }) => kube.forwarder.accept(stream, origin),
    dial: options.dial,
    mayDialBack: options.mayDialBack,
    hostBar: options.hostBar,
    clock: options.clock,
    log: options.log,
  })
  stack.defer(() => tunnels.close(0))
  return tunnels
}

/** For what was cut to be told so through the tunnels. */
const LAST_WORDS_MS = 2000

/** Lets what runs at an agent end, and cuts what is left after `graceMs`, before the tunnels that it goes through. */
export async function drainAgent(
  forwarder: Pick<KubeService['forwarder'], 'close'>,
  tunnels: Pick<Tunnels, 'close'> | null,
  graceMs: number,
): Promise<void> {
  await Promise.all([tunnels?.close(graceMs + LAST_WORDS_MS), forwarder.close(graceMs)])
}
