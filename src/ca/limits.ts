const HOUR_MS = 60 * 60 * 1000

/** How long an authority lives; longer than any certificate that it signs, and replaced by rotation before. */
export const CA_LIFE_MS = 10 * 365 * 24 * HOUR_MS
/** Certificates begin in the past, since clocks of clients and services differ by minutes (Kubernetes' signer does the same). */
export const BACKDATE_MS = 5 * 60 * 1000
/** Below this a certificate would expire while it is on its way. */
export const MIN_TTL_MS = 1000
/** 128 random bits never meet; RFC 5280, 4.1.2.2 takes at most 20 bytes. */
export const SERIAL_BYTES = 16
/** Between attempts to read the authorities again after storage failed: authorities change once in years. */
export const RELOAD_RETRY_MS = 1000
