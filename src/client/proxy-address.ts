import { formatAddress } from '../core/index.ts'
import { PROXY_PORT, parseServerAddress, type ServerAddress } from './server-address.ts'

/** The address of a proxy's web port; `text` is its one spelling, by which profiles are found. */
export interface ProxyAddress extends ServerAddress {
  readonly text: string
}

/**
 * As parseServerAddress; `,port` behind it, of a proxy for ssh, is what scripts of today carry along. Throws ClientError
 * ADDRESS_INVALID, naming where the address came from.
 */
export function parseProxyAddress(given: string, from: string): ProxyAddress {
  const { host, port } = parseServerAddress(given.replace(/,\d+$/, ''), PROXY_PORT, from)
  const name = host.toLowerCase()
  return { host: name, port, text: formatAddress(name, port) }
}
