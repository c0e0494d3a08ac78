/** Numbers of a service away from auth, each with its unit and reason. */

/** How often it is looked whether server certificates are to be renewed. */
export const CERTIFICATE_LOOK_MS = 60_000
/** How often a proxy says where it is, and hears which kubernetes services it may dial. */
export const PROXY_HEARTBEAT_MS = 5000
/** Names in one call for certificates. */
export const CERTIFICATES_AT_ONCE = 500
/** Bytes of events in one call; a single event may be larger, and then goes alone. */
export const EVENTS_CALL_BYTES = 1024 * 1024
/** Between two questions for dynamic clusters: changes that follow on each other are heard of together. */
export const DYNAMIC_GATHER_MS = 200
/** Between two words on sessions: those that begin and end meanwhile are told together, or not at all. */
export const SESSIONS_GATHER_MS = 300
/** Sessions that the auth service does not take are told again after so long: it may hear of their cluster later. */
export const SESSION_REFUSED_MS = 30_000
/** After the auth service did not answer whether a person may begin a session, the next ones are not kept waiting for it. */
export const LEASE_QUIET_MS = 5000
