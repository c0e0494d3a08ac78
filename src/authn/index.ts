/**
 * authn proves local users: password, one-time code, and the links with which both are set.
 *
 * Trusts: the storage behind it and the cipher that seals one-time secrets in it. Refuses: to say why a login failed, codes that
 * were used, links that were used or replaced, passwords that are guessed first, and more hashing than the machine can
 * bear. Nothing that a person types is kept: passwords are hashed (argon2id), tokens too (SHA-256).
 * Test: unit tests beside the code; races and answers in test/integration/api.
 */
export type { InviteKind } from './credentials.ts'
export { AuthnError, type AuthnErrorCode } from './errors.ts'
export type { Acceptance, Invitation } from './invites.ts'
export {
  DEFAULT_INVITE_TTL_MS,
  DEFAULT_RESET_TTL_MS,
  MAX_INVITE_TTL_MS,
  MAX_RESET_TTL_MS,
  MIN_PASSWORD_CHARS,
} from './limits.ts'
export { type LocalUserStatus, type LocalUsers, openLocalUsers } from './local-users.ts'
export type { LockoutRules } from './lockout.ts'
export { LockoutTable } from './lockout-table.ts'
export type { LoginAttempt, LoginOutcome } from './logins.ts'
export { passwordAdvice } from './password-rules.ts'
export type { SecretCipher } from './ports.ts'
export { otpUri } from './totp.ts'
