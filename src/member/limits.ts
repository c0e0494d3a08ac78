/** Numbers of members, each with its unit and reason. */

/** At which part of its life a certificate is renewed: as much time is left for an auth service that is away. */
export const RENEW_AT = 0.5
/** The part of its life by which that moment is moved, so that agents which joined together do not renew together. */
export const RENEW_JITTER = 0.1
/** Between attempts to join or renew: doubles from the first to the last, with jitter. */
export const RETRY_FIRST_MS = 1000
export const RETRY_LAST_MS = 5 * 60_000
/** The clock is looked at this often while a renewal is far: it may be set, and machines sleep. */
export const LOOK_EVERY_MS = 60 * 60_000
/** A call to the API server next to us. */
export const KUBE_CALL_TIMEOUT_MS = 15_000
/** A Secret is at most 1 MiB; more is no answer of an API server. */
export const MAX_SECRET_BYTES = 2 * 1024 * 1024
