/**
 * ca holds the certificate authorities of a Teleport cluster: the user CA signs people and robots, the host CA signs our
 * services. It issues, tells whom to trust, and judges the certificates of peers, on every call anew. Authorities that
 * change in storage are followed.
 *
 * Trusts: the storage behind it and the key that seals private keys in it. Refuses: chains longer than one, the wrong
 * authority for a kind of identity, certificates that are authorities, critical extensions that it does not know, lives
 * longer than the authority's own, and services that its caller bars, whatever their certificates say. Test: openssl judges what is issued; hostile certificates are made by openssl.
 */
export { assertPublicKey } from './assert-public-key.ts'
export { type Authorities, type Issued, openAuthorities } from './authorities.ts'
export { CaError, type CaErrorCode } from './errors.ts'
export {
  createPeerParser,
  type PeerCertificate,
  type PeerCertificateParser,
  type PeerRefusalCode,
  type PeerVerdict,
} from './peer.ts'
export { createSecretCipher, type SecretCipher } from './secret-cipher.ts'
export { verifyStatement } from './statement.ts'
export { type TrustBundle, type TrustedAuthority, trustedAuthority } from './trust.ts'
