import { CodedError } from '../core/index.ts'

/** Codes of the management API; each is in docs/errors.md. */
export type ApiErrorCode =
  | 'BAD_REQUEST'
  | 'UNAUTHENTICATED'
  | 'ACCESS_DENIED'
  | 'LOCKED'
  | 'LOCKS_STALE'
  | 'ADDRESS_PINNED'
  | 'ADDRESS_NOT_PINNED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'CONFLICT'
  | 'ROLE_IN_USE'
  | 'ROLE_UNKNOWN'
  | 'LOGIN_REFUSED'
  | 'LOGIN_THROTTLED'
  | 'INVITE_INVALID'
  | 'PASSWORD_WEAK'
  | 'OTP_WRONG'
  | 'JOIN_REFUSED'
  | 'JOIN_THROTTLED'
  | 'JOIN_WRONG_SERVICE'
  | 'MEMBER_REMOVED'
  | 'VERSION_UNSUITABLE'
  | 'AUDIT_UNAVAILABLE'
  | 'RECORDING_CORRUPT'
  | 'INTERNAL'

/** The HTTP status of each code. */
export const apiStatus: Readonly<Record<ApiErrorCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  ACCESS_DENIED: 403,
  LOCKED: 403,
  LOCKS_STALE: 503,
  ADDRESS_PINNED: 403,
  ADDRESS_NOT_PINNED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  ROLE_IN_USE: 409,
  ROLE_UNKNOWN: 400,
  LOGIN_REFUSED: 401,
  LOGIN_THROTTLED: 429,
  INVITE_INVALID: 404,
  PASSWORD_WEAK: 400,
  OTP_WRONG: 400,
  JOIN_REFUSED: 401,
  JOIN_THROTTLED: 429,
  JOIN_WRONG_SERVICE: 403,
  MEMBER_REMOVED: 403,
  VERSION_UNSUITABLE: 403,
  AUDIT_UNAVAILABLE: 503,
  RECORDING_CORRUPT: 500,
  INTERNAL: 500,
}

/** An answer that is not 2xx, with the words that the caller gets. */
export class ApiError extends CodedError<ApiErrorCode> {
  override readonly name = 'ApiError'
}
