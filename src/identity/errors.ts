import { CodedError } from '../core/index.ts'

export type IdentityErrorCode = 'IDENTITY_MALFORMED' | 'IDENTITY_TOO_LARGE' | 'USER_NAME_INVALID'

export class IdentityError extends CodedError<IdentityErrorCode> {
  override readonly name = 'IdentityError'
}
