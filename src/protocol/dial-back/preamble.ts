import { ProtocolError } from '../errors.ts'

/** The first byte of a dial-back: no TLS record, no HTTP and no PROXY header begins with it. */
export const DIAL_BACK_BYTE = 0xdb

const VERSION = 1
const ID_BYTES = 16
const SECRET_BYTES = 32

/** What an agent shows once, at the beginning of a plain connection that a proxy has ordered. */
export interface DialBackTicket {
  /** Public: whose ticket it is, 16 random bytes in hex. */
  readonly id: string
  /** 32 random bytes that nobody guesses. */
  readonly secret: Buffer
}

export type ParsedDialBack =
  | { readonly status: 'needMore' }
  | { readonly status: 'ok'; readonly ticket: DialBackTicket }
  | { readonly status: 'error'; readonly error: ProtocolError }

export const DIAL_BACK_PREAMBLE_BYTES = 2 + ID_BYTES + SECRET_BYTES

/** A ticket of so many random bytes: 48. */
export const DIAL_BACK_TICKET_BYTES = ID_BYTES + SECRET_BYTES

export const ticketOf = (random: Buffer): DialBackTicket => ({
  id: random.toString('hex', 0, ID_BYTES),
  secret: random.subarray(ID_BYTES, DIAL_BACK_TICKET_BYTES),
})

/**
 *     0    1    2 … 17    18 … 49
 *     db   01   id        secret
 */
export function formatDialBack({ id, secret }: DialBackTicket): Buffer {
  if (secret.length !== SECRET_BYTES) throw new TypeError('a secret has 32 bytes')
  return Buffer.concat([Buffer.from([DIAL_BACK_BYTE, VERSION]), Buffer.from(id, 'hex'), secret])
}

/** Reads a preamble that must be all that has come: who dials back says nothing more until he is given somebody's connection. */
export function parseDialBack(bytes: Buffer): ParsedDialBack {
  if (bytes.length > 0 && bytes[0] !== DIAL_BACK_BYTE) return failure('it begins otherwise')
  if (bytes.length > 1 && bytes[1] !== VERSION) return failure('its version is unknown')
  if (bytes.length > DIAL_BACK_PREAMBLE_BYTES) return failure('more than the preamble came')
  if (bytes.length < DIAL_BACK_PREAMBLE_BYTES) return { status: 'needMore' }
  return { status: 'ok', ticket: ticketOf(bytes.subarray(2)) }
}

const failure = (why: string): ParsedDialBack => ({
  status: 'error',
  error: new ProtocolError('DIAL_BACK_MALFORMED', `not a dial-back: ${why}`),
})
