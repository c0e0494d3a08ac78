/** What services of ours say in ALPN (RFC 7301) where one port serves many: ahead of the handshake, and in clear. */

/** An agent that dials out to a proxy, to be reached through this connection. */
export const TUNNEL_ALPN = 'teleport-tunnel'
/** A proxy that brings somebody's connection to the auth service, after a PROXY header that says whose. */
export const PROXIED_ALPN = 'teleport-proxied'
