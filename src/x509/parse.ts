import { createHash, X509Certificate } from 'node:crypto'
import { DerReader, derTag, malformed, readOid } from './der.ts'
import { X509Error } from './errors.ts'
import { MAX_CERTIFICATE_BYTES, MAX_EXTENSIONS } from './limits.ts'

/** The facts of a certificate that a judge needs. Nothing in it is verified. */
export interface ParsedCertificate {
  readonly x509: X509Certificate
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Says of itself that it may sign certificates: by basic constraints or by key usage. */
  readonly isCa: boolean
  /** OIDs; empty when the certificate has no such extension. */
  readonly extendedKeyUsages: readonly string[]
  /** OIDs of extensions whose meaning a judge must know, or refuse (RFC 5280, 4.2). */
  readonly criticalExtensions: readonly string[]
  /** The value of an extension; null when it is absent. */
  extension(oid: string): Uint8Array | null
}

interface Extension {
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
 * Parses DER that a stranger sent. Throws X509Error X509_MALFORMED for whatever is not exactly one certificate: longer,
 * shorter, not strict DER, an extension twice, extensions in a version that has none.
 *
 * Two readers look at the same bytes: OpenSSL's, whose verdict on the signature counts, and ours, which finds the private
 * extension (node:crypto does not show it). A general ASN.1 library took 40 times as long for that, before the peer is known.
 */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  if (der.byteLength > MAX_CERTIFICATE_BYTES) {
    throw new X509Error('X509_MALFORMED', `certificate of ${der.byteLength} bytes is too large`)
  }
  const extensions = readExtensions(der)
  const x509 = openCertificate(der)
  const find = (oid: string): Uint8Array | null => extensions.get(oid)?.value ?? null
  return {
    x509,
    notBeforeMs: instant(x509.validFromDate),
    notAfterMs: instant(x509.validToDate),
    isCa: x509.ca || maySignCertificates(find(extensionOids.keyUsage)),
    extendedKeyUsages: x509.keyUsage ?? [],
    criticalExtensions: [...extensions.values()].flatMap(({ oid, critical }) =>
      critical ? [oid] : [],
    ),
    extension: find,
  }
}

/** `sha256:<64 hex>` over the certificate's public key (SPKI), as RFC 7469 pins do. Throws X509Error X509_MALFORMED. */
export function spkiPin(certificatePem: string): string {
  const { publicKey } = openCertificate(certificatePem)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`
}

function openCertificate(bytes: Uint8Array | string): X509Certificate {
  try {
    return new X509Certificate(bytes)
  } catch (cause) {
    throw new X509Error('X509_MALFORMED', 'not a certificate', { cause })
  }
}

/** Certificate, TBSCertificate and Extensions of RFC 5280, 4.1; what lies between is left to OpenSSL. */
function readExtensions(der: Uint8Array): ReadonlyMap<string, Extension> {
  const file = new DerReader(der)
  const certificate = file.enter(derTag.sequence)
  file.end()
  const tbs = certificate.enter(derTag.sequence)
  certificate.expect(derTag.sequence)
  certificate.expect(derTag.bitString)
  certificate.end()

  const version = tbs.peek() === derTag.context0 ? readVersion(tbs) : 1
  tbs.expect(derTag.integer)
  for (const _field of ['signature', 'issuer', 'validity', 'subject', 'subjectPublicKeyInfo']) {
    tbs.expect(derTag.sequence)
  }
  const extensions = new Map<string, Extension>()
  if (tbs.done) return extensions
  if (version !== 3) throw malformed('extensions in a version that has none')
  const wrapped = tbs.enter(derTag.context3)
  tbs.end()
  const list = wrapped.enter(derTag.sequence)
  wrapped.end()
  while (!list.done) {
    if (extensions.size === MAX_EXTENSIONS) throw malformed('too many extensions')
    const extension = readExtension(list.enter(derTag.sequence))
    if (extensions.has(extension.oid)) throw malformed(`extension ${extension.oid} is there twice`)
    extensions.set(extension.oid, extension)
  }
  return extensions
}

function readVersion(tbs: DerReader): number {
  const wrapped = tbs.enter(derTag.context0)
  const version = wrapped.expect(derTag.integer)
  wrapped.end()
  if (version.length !== 1 || (version[0] !== 1 && version[0] !== 2)) throw malformed('its version')
  return version[0] + 1
}

function readExtension(fields: DerReader): Extension {
  const oid = readOid(fields.expect(derTag.oid))
  const critical = fields.peek() === derTag.boolean
  if (critical) {
    // DER leaves the default out, so a boolean that is there is true.
    const value = fields.expect(derTag.boolean)
    if (value.length !== 1 || value[0] !== 0xff) throw malformed('a boolean')
  }
  // Copied: the connection must not keep the whole handshake buffer alive.
  const value = fields.expect(derTag.octetString).slice()
  fields.end()
  return { oid, critical, value }
}

/** keyCertSign is bit 5 (RFC 5280, 4.2.1.3). What cannot be read counts as set. */
function maySignCertificates(keyUsage: Uint8Array | null): boolean {
  if (keyUsage === null) return false
  try {
    const bits = new DerReader(keyUsage).expect(derTag.bitString)
    return bits[1] === undefined ? bits.length !== 1 : (bits[1] & 0x04) !== 0
  } catch {
    return true
  }
}

function instant(date: Date): number {
  const ms = date.getTime()
  if (!Number.isSafeInteger(ms)) throw malformed('its validity')
  return ms
}
