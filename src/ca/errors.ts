import { CodedError } from '../core/index.ts'

export type CaErrorCode =
  | 'CA_KEY_UNREADABLE'
  | 'CA_MISSING'
  | 'CA_STORED_MALFORMED'
  | 'CA_TTL_INVALID'
  | 'SECRET_UNREADABLE'

export class CaError extends CodedError<CaErrorCode> {
  override readonly name = 'CaError'
}
