import { isIP } from 'node:net'
import type { ConnectionOrigin } from '../tls/index.ts'

/**
 * Where a request came from, by what a load balancer wrote into `X-Forwarded-For`: its last entry, since only that one is of
 * the balancer itself; those before it are what the client sent. Anything but an address is not believed.
 */
export function forwardedOrigin(
  header: string | readonly string[] | undefined,
  peer: ConnectionOrigin,
): ConnectionOrigin {
  const text = typeof header === 'string' ? header : header?.join(',')
  const last = text?.split(',').at(-1)?.trim() ?? ''
  if (last.length > MAX_ENTRY_CHARS) return peer
  if (isIP(last) !== 0) return { address: last, port: peer.port }
  const isBracketed = last.startsWith('[')
  const end = last.indexOf(isBracketed ? ']' : ':')
  if (end < 0) return peer
  const address = isBracketed ? last.slice(1, end) : last.slice(0, end)
  const rest = last.slice(isBracketed ? end + 1 : end)
  const port = rest === '' ? peer.port : rest.startsWith(':') ? portOf(rest.slice(1)) : null
  // Without brackets, a port stands behind an IPv4 address only.
  return port === null || isIP(address) !== (isBracketed ? 6 : 4) ? peer : { address, port }
}

/** An IPv6 address with brackets, a zone and a port, generously: expressions that go back and forth over more take seconds. */
const MAX_ENTRY_CHARS = 64

function portOf(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port > 0 && port <= 65_535 ? port : null
}
