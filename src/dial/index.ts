/**
 * dial makes connections to elsewhere: straight, or through an HTTP or SOCKS proxy, named by a caller or by the environment
 * (HTTPS_PROXY, NO_PROXY).
 *
 * Trusts: the proxy to carry bytes, nothing more; whoever dials proves the other end by TLS. Refuses: to tell a proxy's
 * credentials in an error, and proxies of a kind that it does not know.
 * Test: unit tests beside the code; real proxies in test/integration/upstream.
 */
export { type Address, connectTcp } from './connect-tcp.ts'
export { type Dialer, openDialer } from './dialer.ts'
export { type ProxyRules, proxyFor, proxyRules } from './environment.ts'
export { DialError, type DialErrorCode } from './errors.ts'
export { connectThroughProxy } from './proxy/connect-through-proxy.ts'
