import { DerReader, malformed, readOid } from './der-reader.ts'
import { derTag } from './der-tags.ts'
import { MAX_EXTENSIONS } from './limits.ts'

/** The parts of a certificate that node:crypto does not show. */
export interface CertificateStructure {
  /** The subject in DER, byte for byte: the issuer of what it signs. */
  readonly subject: Uint8Array
  readonly extensions: ReadonlyMap<string, CertificateExtension>
}

export interface CertificateExtension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** OIDs of the extensions that we write and understand (RFC 5280, 4.2.1). */
export const extensionOids = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const

/**
 * Certificate, TBSCertificate and Extensions of RFC 5280, 4.1, in strict DER; what lies between is left to OpenSSL.
 * Throws X509Error X509_MALFORMED.
 */
export function readCertificateStructure(der: Uint8Array): CertificateStructure {
  const file = new DerReader(der)
  const certificate = file.enter(derTag.sequence)
  file.end()
  const tbs = certificate.enter(derTag.sequence)
  certificate.expect(derTag.sequence)
  certificate.expect(derTag.bitString)
  certificate.end()

  const version = tbs.peek() === derTag.version ? readVersion(tbs.enter(derTag.version)) : 1
  tbs.expect(derTag.integer)
  for (const _field of ['signature', 'issuer', 'validity']) tbs.expect(derTag.sequence)
  const subject = Uint8Array.from(tbs.expect(derTag.sequence).raw)
  tbs.expect(derTag.sequence)
  if (tbs.done) return { subject, extensions: new Map() }
  if (version !== 3) throw malformed('extensions in a version that has none')
  const wrapped = tbs.enter(derTag.extensions)
  tbs.end()
  const extensions = readExtensions(wrapped.enter(derTag.sequence))
  wrapped.end()
  return { subject, extensions }
}

function readVersion(wrapped: DerReader): number {
  const { content } = wrapped.expect(derTag.integer)
  wrapped.end()
  // Version 1 is the default, which DER leaves out.
  if (content.length !== 1 || (content[0] !== 1 && content[0] !== 2)) throw malformed('its version')
  return content[0] + 1
}

function readExtensions(list: DerReader): ReadonlyMap<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>()
  while (!list.done) {
    if (extensions.size === MAX_EXTENSIONS) throw malformed('too many extensions')
    const extension = readExtension(list.enter(derTag.sequence))
    if (extensions.has(extension.oid)) throw malformed(`extension ${extension.oid} is there twice`)
    extensions.set(extension.oid, extension)
  }
  return extensions
}

function readExtension(fields: DerReader): CertificateExtension {
  const oid = readOid(fields.expect(derTag.oid).content)
  const critical = fields.peek() === derTag.boolean
  if (critical) {
    // DER leaves the default out, so a boolean that is there is true.
    const { content } = fields.expect(derTag.boolean)
    if (content.length !== 1 || content[0] !== 0xff) throw malformed('a boolean')
  }
  // Copied: a judged certificate must not keep the handshake's buffer alive. (Buffer's own `slice` would not copy.)
  const value = Uint8Array.from(fields.expect(derTag.octetString).content)
  fields.end()
  return { oid, critical, value }
}
