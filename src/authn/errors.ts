import { CodedError } from '../core/index.ts'

export type AuthnErrorCode = 'HASHING_BUSY' | 'CREDENTIALS_BUSY'

/** Why a password could not be looked at now; never why it was wrong. */
export class AuthnError extends CodedError<AuthnErrorCode> {
  override readonly name = 'AuthnError'
}
