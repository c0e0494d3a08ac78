import {
  chooseForwardDialect,
  type ForwardDialect,
  portOf,
  SPDY_FORWARD_PROTOCOL,
  TUNNEL_PROTOCOL,
} from '../streams/index.ts'
import { listOf } from './command-protocol.ts'
import { queryOf } from './target-query.ts'

/** How a client wants to speak of its ports. */
export type ForwardProtocol =
  | { readonly kind: 'spdy' }
  | { readonly kind: 'tunnel' }
  | {
      readonly kind: 'websocket'
      readonly dialect: ForwardDialect
      readonly ports: readonly number[]
    }

/** A string says why nothing can be spoken with this client. */
export function forwardProtocolOf(
  upgrade: string,
  rawHeaders: readonly string[],
  target: string,
): ForwardProtocol | string {
  switch (upgrade.toLowerCase()) {
    case 'spdy/3.1': {
      const offered = listOf(rawHeaders, 'x-stream-protocol-version')
      return offered.length === 0 || offered.includes(SPDY_FORWARD_PROTOCOL)
        ? { kind: 'spdy' }
        : UNSPOKEN
    }
    case 'websocket': {
      const offered = listOf(rawHeaders, 'sec-websocket-protocol')
      if (offered.includes(TUNNEL_PROTOCOL)) return { kind: 'tunnel' }
      const dialect = chooseForwardDialect(offered)
      if (dialect === null) return UNSPOKEN
      const ports = portsOf(target)
      if (ports === null) return 'the query parameter "ports" must name ports, 1 to 65535'
      if (ports.length > dialect.maxPorts) {
        return `${ports.length} ports on one WebSocket are too many, ${dialect.maxPorts} are taken`
      }
      return { kind: 'websocket', dialect, ports }
    }
    default:
      return UNSPOKEN
  }
}

const UNSPOKEN = `this client speaks none of the protocols of port-forward: SPDY/3.1 with ${SPDY_FORWARD_PROTOCOL}, or WebSocket with ${TUNNEL_PROTOCOL}, v4.channel.k8s.io or v4.base64.channel.k8s.io`

/** `ports=80&ports=443` and `ports=80,443` (apimachinery/pkg/runtime/conversion.go); null when there is none, or one is none. */
function portsOf(target: string): number[] | null {
  const named = queryOf(target)
    .getAll('ports')
    .flatMap((value) => value.split(','))
  const ports = named.map((text) => portOf(text.trim()))
  return ports.length === 0 || ports.includes(null) ? null : ports.filter((port) => port !== null)
}

/** The same without its ports: towards the API server each connection names its own. */
export function withoutPorts(target: string): string {
  const query = queryOf(target)
  if (!query.has('ports')) return target
  query.delete('ports')
  const path = target.slice(0, target.indexOf('?'))
  return query.size === 0 ? path : `${path}?${query.toString()}`
}
