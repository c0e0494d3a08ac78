/** RFC 8446, 6. */
const ALERTS = {
  handshake_failure: 40,
  decode_error: 50,
  internal_error: 80,
  unrecognized_name: 112,
} as const

export type AlertName = keyof typeof ALERTS

/** A fatal TLS alert record, in the clear: what a server may send before it has keys. */
export function tlsAlert(name: AlertName): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, ALERTS[name]])
}
