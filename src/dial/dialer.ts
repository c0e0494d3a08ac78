import type { Socket } from 'node:net'
import { type Address, connectTcp } from './connect-tcp.ts'
import { proxyFor, proxyRules } from './environment.ts'
import { connectThroughProxy } from './proxy/connect-through-proxy.ts'

/** A connection to somewhere. Rejects with Node's error, or one that names the proxy. */
export type Dialer = (address: Address, signal: AbortSignal) => Promise<Socket>

/** Dials as the environment says: through the proxy of HTTPS_PROXY, past it for whom NO_PROXY names. Throws DialError. */
export function openDialer(env: Readonly<Record<string, string | undefined>>): Dialer {
  const rules = proxyRules(env)
  return async (address, signal) => {
    const proxy = proxyFor(rules, address)
    const socket =
      proxy === null
        ? await connectTcp(address, signal)
        : await connectThroughProxy(proxy, address, null, signal)
    socket.setNoDelay(true)
    return socket
  }
}
