const HOUR_MS = 60 * 60 * 1000

/** How long an authority lives; longer than any certificate that it signs, and replaced by rotation before. */
export const CA_LIFE_MS = 10 * 365 * 24 * HOUR_MS
/** Certificates begin in the past, since clocks of clients and services differ by minutes (Kubernetes' signer does the same). */
export const BACKDATE_MS = 5 * 60 * 1000
/** Below this a certificate would expire while it is on its way. */
export const MIN_TTL_MS = 1000
/** RFC 5280, 4.1.2.2: at most 20 bytes; 16 random ones never meet. */
export const SERIAL_BYTES = 16
