import { isIP } from 'node:net'
import { formatAddress, hostOf } from '../core/index.ts'

/** Whose connection it is, by the proxy's word. */
export interface TunnelOrigin {
  readonly address: string
  readonly port: number
}

/** The header of a CONNECT that says where the person's connection came from. */
export const ORIGIN_HEADER = 'teleport-origin'

export const formatOrigin = ({ address, port }: TunnelOrigin): string =>
  formatAddress(address, port)

/** Null for what is no `address:port`: an origin that cannot be read must not pass for one in audit. */
export function parseOrigin(value: unknown): TunnelOrigin | null {
  if (typeof value !== 'string') return null
  const port = /:(\d{1,5})$/.exec(value)?.[1]
  const address = hostOf(value)
  if (port === undefined || Number(port) > 65_535 || isIP(address) === 0) return null
  return { address, port: Number(port) }
}
