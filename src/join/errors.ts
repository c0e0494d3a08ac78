import { CodedError } from '../core/index.ts'

export type JoinErrorCode = 'TOKEN_WEAK' | 'TOKEN_EXISTS' | 'MEMBER_BUSY'

/** Why a token was not made, or a member not written. */
export class JoinError extends CodedError<JoinErrorCode> {
  override readonly name = 'JoinError'
}
