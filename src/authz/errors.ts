import { CodedError } from '../core/index.ts'

export type AuthzErrorCode = 'ROLE_INVALID' | 'ROLE_NOT_ENFORCEABLE' | 'MATCHER_INVALID'

/** A role that is wrong, or that asks for a restriction which is not enforced. `facts.path` names the place. */
export class AuthzError extends CodedError<AuthzErrorCode> {
  override readonly name = 'AuthzError'
}
