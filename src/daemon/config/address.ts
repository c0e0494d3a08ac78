import { isIPv6 } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, `host`, `:port` or `[::1]:port`; null when it is none of them. A number alone is no host: somebody means a port. */
export function parseAddress(text: string, defaults: Address): Address | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text.trim())
  if (match === null) return null
  const [, six, name = '', portText] = match
  if (six !== undefined && !isIPv6(six)) return null
  if (name !== '' && !/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/.test(name)) return null
  if (/^\d+$/.test(name)) return null
  const port = portText === undefined ? defaults.port : Number(portText)
  if (port > 65_535) return null
  const host = six ?? (name === '' ? defaults.host : name)
  return host === '' ? null : { host, port }
}
