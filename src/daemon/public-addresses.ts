import { hostname } from 'node:os'
import { formatAddress } from '../core/index.ts'
import type { TeleportConfig } from './config/index.ts'

/** Where services of other processes find the proxy of this one. */
export function publicProxies({
  proxy,
}: Pick<TeleportConfig, 'proxy'>): readonly { host: string; port: number }[] {
  // Those of a proxy in another process are what its administrator wrote here, or unknown.
  if (!proxy.enabled) {
    const { tunnelPublicAddresses: tunnel, publicAddresses: web } = proxy
    return tunnel.length > 0 ? tunnel : web
  }
  if (proxy.tunnelPublicAddresses.length > 0) return proxy.tunnelPublicAddresses
  if (proxy.tunnelListen === null && proxy.publicAddresses.length > 0) return proxy.publicAddresses
  const { host, port } = proxy.tunnelListen ?? proxy.webListen
  return [{ host: reachable(host), port }]
}

/** What kubeconfigs name: the public address, else the listener on a host that clients might reach. */
export function publicKubeAddress(config: Pick<TeleportConfig, 'proxy'>): string | null {
  const { kubernetes, publicAddresses } = config.proxy
  const [own] = kubernetes?.publicAddresses ?? []
  if (own !== undefined) return formatAddress(own.host, own.port)
  if (!config.proxy.enabled || kubernetes === null) return null
  const { host, port } = kubernetes.listen
  const [web] = publicAddresses
  return formatAddress(web?.host ?? reachable(host), port)
}

/** Where browsers and agents find the web port: the public address, else the listener on a host that they might reach. */
export function publicWebAddress(config: Pick<TeleportConfig, 'proxy'>): string | null {
  const [own] = config.proxy.publicAddresses
  if (own === undefined && !config.proxy.enabled) return null
  const { host, port } = config.proxy.webListen
  return formatAddress(own?.host ?? reachable(host), own?.port ?? port)
}

/** What links to the web port begin with. */
export function publicWebUrl(config: TeleportConfig): string | null {
  const address = publicWebAddress(config)
  // The origin leaves out the port that is the protocol's own.
  return address === null ? null : new URL(`https://${address}`).origin
}

/** Where agents without a proxy find the auth service. */
export function publicAuthAddress({ auth }: TeleportConfig): string {
  const [own] = auth.publicAddresses
  return formatAddress(own?.host ?? reachable(auth.listen.host), own?.port ?? auth.listen.port)
}

const reachable = (host: string): string =>
  host === '0.0.0.0' || host === '::' ? hostname() : host
