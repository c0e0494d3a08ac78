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
  const [, bracketed, plain, port] =
    /^(?:\[([^\]]+)\]|([^:]+|[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*))(?::(\d{1,5}))?$/i.exec(last) ??
    []
  const address = bracketed ?? plain ?? ''
  return isIP(address) === 0
    ? peer
    : { address, port: port === undefined ? peer.port : Number(port) }
}
