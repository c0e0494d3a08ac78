/**
 * identity says who is calling, and how that stands in a certificate.
 *
 * Trusts: nothing; an Identity is believed only after `ca` verified the certificate around it. Refuses: unknown kinds and
 * versions, missing fields, names that would break headers or files.
 */
export { decodeIdentity, encodeIdentity, IDENTITY_OID } from './encode.ts'
export { IdentityError, type IdentityErrorCode } from './errors.ts'
export type {
  AdminIdentity,
  HostIdentity,
  HostService,
  Identity,
  LoginKind,
  Traits,
  UserIdentity,
} from './identity.ts'
export { MAX_IDENTITY_BYTES, MAX_USER_NAME_CHARS } from './limits.ts'
export { assertUserName } from './user-name.ts'
