import { CodedError } from '../core/index.ts'

export type MemberErrorCode =
  | 'MEMBER_TOKEN_MISSING'
  | 'MEMBER_IDENTITY_EXPIRED'
  | 'MEMBER_IDENTITY_UNREADABLE'
  | 'MEMBER_STATE_UNAVAILABLE'
  | 'MEMBER_CERTIFICATE_WRONG'

/** Why this process is no member of a Teleport cluster, in words for who runs it. */
export class MemberError extends CodedError<MemberErrorCode> {
  override readonly name = 'MemberError'
}
