import { createHash, X509Certificate } from 'node:crypto'
import { DerReader, malformed } from './der-reader.ts'
import { derTag } from './der-tags.ts'
import { X509Error } from './errors.ts'
import { MAX_CERTIFICATE_BYTES } from './limits.ts'
import { type CertificateExtension, extensionOids, readCertificateStructure } from './structure.ts'

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

/**
 * Parses DER that a stranger sent. Throws X509Error X509_MALFORMED for whatever is not exactly one certificate: longer,
 * shorter, not strict DER, an extension twice, extensions in a version that has none.
 *
 * Two readers look at the same bytes: OpenSSL's, whose verdict on the signature counts, and ours, which finds the private
 * extension, since node:crypto does not show it.
 */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  if (der.byteLength > MAX_CERTIFICATE_BYTES) {
    throw new X509Error('X509_MALFORMED', `certificate of ${der.byteLength} bytes is too large`)
  }
  const { extensions } = readCertificateStructure(der)
  const x509 = openCertificate(der)
  const find = (oid: string): Uint8Array | null => extensions.get(oid)?.value ?? null
  return {
    x509,
    notBeforeMs: instant(x509.validFromDate),
    notAfterMs: instant(x509.validToDate),
    isCa: x509.ca || maySignCertificates(find(extensionOids.keyUsage)),
    extendedKeyUsages: x509.keyUsage ?? [],
    criticalExtensions: [...extensions.values()].filter(isCritical).map(({ oid }) => oid),
    extension: find,
  }
}

/** `sha256:<64 hex>` over the certificate's public key (SPKI), as RFC 7469 pins do. Throws X509Error X509_MALFORMED. */
export function spkiPin(certificatePem: string): string {
  const spki = openCertificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`
}

/** The bytes of a PEM certificate. Throws X509Error X509_MALFORMED. */
export function certificateFromPem(pem: string): Buffer {
  return openCertificate(pem).raw
}

function openCertificate(bytes: Uint8Array | string): X509Certificate {
  try {
    return new X509Certificate(bytes)
  } catch (cause) {
    throw new X509Error('X509_MALFORMED', 'not a certificate', { cause })
  }
}

const isCritical = ({ critical }: CertificateExtension): boolean => critical

/** keyCertSign is bit 5 (RFC 5280, 4.2.1.3). What cannot be read counts as set. */
function maySignCertificates(keyUsage: Uint8Array | null): boolean {
  if (keyUsage === null) return false
  try {
    const [, bits = 0] = new DerReader(keyUsage).expect(derTag.bitString).content
    return (bits & 0x04) !== 0
  } catch {
    return true
  }
}

function instant(date: Date): number {
  const ms = date.getTime()
  if (!Number.isSafeInteger(ms)) throw malformed('its validity')
  return ms
}
