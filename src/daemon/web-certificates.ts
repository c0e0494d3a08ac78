import { isIP } from 'node:net'
import { hostname } from 'node:os'
import type { SecureContext } from 'node:tls'
import type { Clock, Logger } from '../core/index.ts'
import type { ServerPair } from '../tls/index.ts'
import type { TeleportConfig } from './config/index.ts'
import type { HostCertificates } from './host-certificates.ts'
import { KeyPairFiles } from './key-pair-files.ts'

/** What the web port shows who it is with. */
export interface WebCertificates {
  /** For a name that the client asks for. */
  secureContext(serverName: string): Promise<SecureContext>
  /** For clients that name nobody, as browsers do that were given an IP address. Lives as long as any of ours. */
  nameless(): Promise<ServerPair>
}

/** The names and addresses under which a proxy's web port is reached. */
export function ownNames({
  publicAddresses,
  webListen,
}: Pick<TeleportConfig['proxy'], 'publicAddresses' | 'webListen'>): {
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
} {
  const hosts = publicAddresses.map(({ host }) => host.toLowerCase())
  const names = new Set([
    ...hosts.filter((host) => isIP(host) === 0),
    hostname().toLowerCase(),
    'localhost',
  ])
  const addresses = new Set([
    ...hosts.filter((host) => isIP(host) !== 0),
    ...(isIP(webListen.host) === 0 || isEverywhere(webListen.host) ? [] : [webListen.host]),
    '127.0.0.1',
    '::1',
  ])
  return { dnsNames: [...names], ipAddresses: [...addresses] }
}

/** The administrator's own pair, for everybody. */
export async function ownPair(
  keyPair: NonNullable<TeleportConfig['proxy']['keyPair']>,
  clock: Clock,
  log: Logger,
): Promise<WebCertificates> {
  const files = await KeyPairFiles.open(keyPair, clock, log)
  return { secureContext: () => files.secureContext(), nameless: () => files.pair() }
}

/**
 * The administrator's own pair for everybody, or certificates of the host CA for the names and addresses of this proxy. Who
 * asks for a name that nobody configured gets the one for this machine: his browser warns of it, and tsh believes none.
 */
export async function openWebCertificates(
  { keyPair, publicAddresses, webListen }: TeleportConfig['proxy'],
  certificates: HostCertificates,
  clock: Clock,
  log: Logger,
): Promise<WebCertificates> {
  if (keyPair !== null) {
    return ownPair(keyPair, clock, log)
  }
  const { dnsNames, ipAddresses } = ownNames({ publicAddresses, webListen })
  const names = new Set(dnsNames)
  return {
    secureContext: (serverName) =>
      certificates.secureContext(names.has(serverName) ? serverName : 'localhost'),
    nameless: () => certificates.issuePair({ dnsNames, ipAddresses }),
  }
}

const isEverywhere = (host: string): boolean => host === '0.0.0.0' || host === '::'
