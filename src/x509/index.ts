/**
 * x509 knows the bytes of certificates (RFC 5280) and no policy: it makes P-256 keys, signs what a template says, and
 * parses what somebody sent. Whom to trust is the `ca` room's business.
 *
 * Trusts: OpenSSL for signatures, validity and usages. Refuses: other keys than P-256, DER that is not strict or has
 * anything behind it, an extension that is there twice. Why the DER is ours: docs/decisions/0008.
 * Test: openssl and node:crypto judge what is issued; certificates made by openssl are parsed.
 */
export { X509Error, type X509ErrorCode } from './errors.ts'
export {
  type CertificateIssuer,
  type CertificateTemplate,
  type ExtendedKeyUsage,
  extendedKeyUsageOids,
  type IssuedCertificate,
  issueCertificate,
} from './issue.ts'
export { generateKeyPair, privateKeyToPem, publicKeyFromPem, publicKeyToPem } from './keys.ts'
export { MAX_CERTIFICATE_BYTES } from './limits.ts'
export {
  certificateFromPem,
  type ParsedCertificate,
  parseCertificate,
  spkiPin,
} from './parse.ts'
export { extensionOids } from './structure.ts'
