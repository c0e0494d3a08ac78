import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import * as peculiar from '@peculiar/x509'
import { X509Error } from './errors.ts'

/** A peer sends its certificate before it is known: ours have 1–3 KB, with many traits up to this. */
export const MAX_CERTIFICATE_BYTES = 256 * 1024

/** The facts of a certificate that a judge needs. Nothing in it is verified. */
export interface ParsedCertificate {
  readonly x509: X509Certificate
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly isCa: boolean
  /** OIDs; empty when the certificate has no such extension. */
  readonly extendedKeyUsages: readonly string[]
  /** The value of a private extension; null when it is absent. Throws X509Error when it is there twice. */
  extension(oid: string): Uint8Array | null
}

/** Parses DER. Throws X509Error X509_MALFORMED for whatever is not exactly one certificate. */
export function parseCertificate(der: Uint8Array): ParsedCertificate {
  if (der.byteLength > MAX_CERTIFICATE_BYTES) {
    throw new X509Error('X509_MALFORMED', `certificate of ${der.byteLength} bytes is too large`)
  }
  try {
    const x509 = new X509Certificate(der)
    if (x509.raw.length !== der.byteLength) throw new Error('bytes after the certificate')
    const parsed = new peculiar.X509Certificate(Uint8Array.from(der))
    const extensions = parsed.extensions.map((extension) => ({
      oid: extension.type,
      value: new Uint8Array(extension.value),
    }))
    return {
      x509,
      notBeforeMs: parsed.notBefore.getTime(),
      notAfterMs: parsed.notAfter.getTime(),
      isCa: x509.ca,
      extendedKeyUsages: x509.keyUsage ?? [],
      extension(oid) {
        const found = extensions.filter((extension) => extension.oid === oid)
        if (found.length > 1) {
          throw new X509Error('X509_MALFORMED', `extension ${oid} is there twice`)
        }
        return found[0]?.value ?? null
      },
    }
  } catch (cause) {
    if (cause instanceof X509Error) throw cause
    throw new X509Error('X509_MALFORMED', 'not a certificate', { cause })
  }
}

/** `sha256:<64 hex>` over the certificate's public key (SPKI), as RFC 7469 pins do. */
export function spkiPin(certificatePem: string): string {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`
}
