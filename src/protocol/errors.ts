import { CodedError } from '../core/index.ts'

export type ProtocolErrorCode =
  | 'DIAL_BACK_MALFORMED'
  | 'HELLO_MALFORMED'
  | 'HELLO_TOO_LARGE'
  | 'HELLO_NOT_TLS'
  | 'HELLO_PLAIN_HTTP'
  | 'PROXY_HEADER_MALFORMED'
  | 'PROXY_HEADER_MISSING'

/** Bytes that are not what the protocol says. */
export class ProtocolError extends CodedError<ProtocolErrorCode> {
  override readonly name = 'ProtocolError'
}
