import type { Socket } from 'node:net'
import { followSignals } from '../core/index.ts'
import { type Address, connectTcp } from './connect-tcp.ts'
import { proxyFor, proxyRules } from './environment.ts'
import { connectThroughProxy } from './proxy/connect-through-proxy.ts'

/** A connection to somewhere. Rejects with Node's error, or one that names the proxy. */
export type Dialer = (address: Address, signal: AbortSignal) => Promise<Socket>

/**
 * TCP alone. The kernel asks again after 1, 3, 7, 15 and 31 s: who began while the network was cut would wait for the next of these
 * when it is back; he asks anew instead. Hardly anybody is this far away.
 */
const CONNECT_TIMEOUT_MS = 5000

/** Dials as the environment says: through the proxy of HTTPS_PROXY, past it for whom NO_PROXY names. Throws DialError. */
export function openDialer(
  env: Readonly<Record<string, string | undefined>>,
  { connectTimeoutMs = CONNECT_TIMEOUT_MS } = {},
): Dialer {
  const rules = proxyRules(env)
  return async (address, signal) => {
    const proxy = proxyFor(rules, address)
    using soon = followSignals([signal, AbortSignal.timeout(connectTimeoutMs)])
    const socket =
      proxy === null
        ? await connectTcp(address, soon.signal)
        : await connectThroughProxy(proxy, address, null, signal)
    socket.setNoDelay(true)
    return socket
  }
}
