import type { DoorLimits } from '../tls/index.ts'

/**
 * From the first signal on: running requests end, watches are told to go elsewhere. Clients have five more seconds to read what was sent; Kubernetes
 * kills after 30 s.
 */
export const DRAIN_MS = 20_000

/** TCP asks after a connection that a proxy brings to another service after this: the service's machine may be gone, and say so to nobody. */
export const BROUGHT_KEEP_ALIVE_MS = 30_000

/** Connections to the web port at once, over all addresses. */
export const MAX_WEB_CONNECTIONS = 10_000
/** Browsers open six each, and a whole office has one address; nobody proves himself here, so nothing is left for others. */
export const WEB_DOOR_LIMITS: Partial<DoorLimits> = {
  maxStrangers: 8000,
  maxStrangersPerAddress: 1000,
  maxConnectionsPerHolder: MAX_WEB_CONNECTIONS,
}
/** Headers arrive in one packet; slow ones only hold a place. */
export const WEB_HEADERS_TIMEOUT_MS = 15_000
/** A whole request, its body included: a password and a code. */
export const WEB_REQUEST_TIMEOUT_MS = 60_000
/** A page asks for its parts one after the other; then the place is for somebody else. */
export const WEB_KEEP_ALIVE_TIMEOUT_MS = 10_000
/** How late the timeouts above may strike. */
export const WEB_TIMEOUTS_CHECKED_MS = 5000
