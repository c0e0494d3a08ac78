/**
 * member is what a process of ours is away from the auth service. It joins by a token, keeps its identity where a restart finds
 * it, renews it, and calls the auth service as who it is.
 *
 * Trusts: an auth service that proved itself by a pinned authority, by the one that it joined under, or, without a pin, by the
 * one that a proxy with a trusted web certificate names. Refuses: to send a token or a key to anybody else; the private key goes
 * to nobody at all.
 * Test: unit tests beside the code; whole daemons in test/integration/member.
 */
export { MemberError, type MemberErrorCode } from './errors.ts'
export { chooseStore } from './identity/choose-store.ts'
export { type IdentityOptions, openMemberIdentity } from './identity/open-identity.ts'
export { stateSecretName } from './identity/secret-store.ts'
export type { IdentityStore, MemberCertificate, MemberIdentity } from './identity/types.ts'
export { MemberApi } from './member-api.ts'
export type { MemberRoute } from './route.ts'
