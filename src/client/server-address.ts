import { isIPv6 } from 'node:net'
import { ClientError } from './errors.ts'

export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** The port of the auth service itself, and the one of a proxy, which leads on to it. */
export const AUTH_PORT = 3025
export const PROXY_PORT = 3080

/**
 * Reads `host`, `host:port` or `[::1]:port`, with `https://` before it where people paste what their browser shows.
 * Throws ClientError ADDRESS_INVALID, naming where the address came from.
 */
export function parseServerAddress(text: string, defaultPort: number, from: string): ServerAddress {
  const bare = text.trim().replace(/^https:\/\//, '')
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?\/?$/.exec(bare)
  const [, six, name, portText] = match ?? []
  const port = portText === undefined ? defaultPort : Number(portText)
  const host = six ?? name
  const valid =
    host !== undefined &&
    port > 0 &&
    port <= 65_535 &&
    (six === undefined ? HOST.test(host) : isIPv6(six))
  if (!valid) {
    throw new ClientError(
      'ADDRESS_INVALID',
      `${from}: "${text}" is not an address like teleport.example.com:${defaultPort}`,
    )
  }
  return { host, port }
}

const HOST = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/
