/**
 * tunnel is how a proxy reaches agents that nobody can dial: the agent dials the proxy with mutual TLS 1.3, and on that
 * connection it is the HTTP/2 server and the proxy the client. Each connection of a person is one CONNECT stream (RFC 9113,
 * 8.5), which names the server and where the person's connection came from. On one more stream the agent says which names
 * it serves, and proves each by a certificate of the host CA that was issued to its own host id. Where the network lets it, the
 * agent dials back for people's connections (dial-back/): plain ones beside the tunnel, each for a hello that the tunnel brought.
 *
 * Trusts: the host CA, as the judge that is given says it is today; the proxy's word for where a connection came from.
 * Refuses: peers that are no agent or no proxy of this cluster, names without proof, what is beyond its limits. What
 * travels inside is ciphertext, and none of its business. Test: test/integration/tunnel.
 */
export type { TunnelIdentity, TunnelStatus } from './agent-link.ts'
export type { TunnelledConnection } from './agent-session.ts'
export type { AnnouncedName } from './announcement.ts'
export { TunnelError, type TunnelErrorCode } from './errors.ts'
export { defaultTunnelLimits, type TunnelLimits } from './limits.ts'
export { openTunnels, type Tunnels, type TunnelsOptions } from './open-tunnels.ts'
export type { PeerJudges } from './peers.ts'
export type { ProxyAddress } from './proxy-claims.ts'
export {
  createTunnelServer,
  type TunnelAgent,
  type TunnelServer,
  type TunnelServerOptions,
  type TunnelStats,
} from './tunnel-server.ts'
