/**
 * A peer sends its certificate before it is known. Ours have 1–2 KB and with the largest identity 49; Go's TLS takes
 * handshake messages of 64 KiB.
 */
export const MAX_CERTIFICATE_BYTES = 64 * 1024
/** Ours have seven; the busiest public ones a dozen. */
export const MAX_EXTENSIONS = 32
/** RFC 5280 says 64, which no verifier enforces; names of Kubernetes service accounts are longer, and so are ours. */
export const MAX_COMMON_NAME_CHARS = 256
/** A proxy in front of many names still fits into one handshake message. */
export const MAX_ALTERNATIVE_NAMES = 256
/** OIDs of X.667 take 20 bytes; decoding costs the square of the length, and a stranger chooses it. */
export const MAX_OID_BYTES = 32
