import 'reflect-metadata'
import { type KeyObject, webcrypto } from 'node:crypto'
import * as peculiar from '@peculiar/x509'
import { X509Error } from './errors.ts'
import { parseCertificate } from './parse.ts'

export type ExtendedKeyUsage = 'clientAuth' | 'serverAuth'

/** RFC 5280, 4.2.1.12. */
export const extendedKeyUsageOids: Readonly<Record<ExtendedKeyUsage, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
}

/** What a certificate will say; decided by a pure function, signed by `issueCertificate`. */
export interface CertificateTemplate {
  readonly commonName: string
  readonly organizations?: readonly string[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** Empty for an authority. */
  readonly usages: readonly ExtendedKeyUsage[]
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  readonly isCa: boolean
  readonly extensions: readonly {
    readonly oid: string
    readonly critical: boolean
    readonly value: Uint8Array
  }[]
}

export interface CertificateIssuer {
  readonly certificatePem: string
  readonly privateKey: KeyObject
}

export interface IssuedCertificate {
  readonly pem: string
  readonly der: Buffer
  readonly notAfterMs: number
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/**
 * Signs a certificate (RFC 5280) with ECDSA P-256 and SHA-256; `issuer: null` makes it self-signed, with
 * `selfSigningKey`. The signed bytes are parsed back before they are returned. `serial` is taken as a positive number.
 */
export async function issueCertificate(options: {
  readonly template: CertificateTemplate
  readonly publicKey: KeyObject
  readonly issuer: CertificateIssuer | { readonly selfSigningKey: KeyObject }
  readonly serial: Uint8Array
}): Promise<IssuedCertificate> {
  const { template, publicKey, issuer, serial } = options
  judgeTemplate(template)
  const subject = nameOf(template)
  const selfSigned = 'selfSigningKey' in issuer
  const issuerName = selfSigned
    ? subject
    : new peculiar.X509Certificate(issuer.certificatePem).subjectName
  const signingKey = await importKey(selfSigned ? issuer.selfSigningKey : issuer.privateKey, 'sign')
  const certificate = await peculiar.X509CertificateGenerator.create(
    {
      serialNumber: positiveSerial(serial),
      subject,
      issuer: issuerName,
      notBefore: new Date(template.notBeforeMs),
      notAfter: new Date(template.notAfterMs),
      signingAlgorithm: ALGORITHM,
      publicKey: await importKey(publicKey, 'verify'),
      signingKey,
      extensions: await extensionsOf(template, publicKey, issuer),
    },
    webcrypto,
  )
  const der = Buffer.from(certificate.rawData)
  const parsed = parseCertificate(der)
  if (parsed.notAfterMs !== Math.floor(template.notAfterMs / 1000) * 1000) {
    throw new X509Error('X509_TEMPLATE_INVALID', 'the signed certificate differs from its template')
  }
  return { pem: pemOf(der), der, notAfterMs: parsed.notAfterMs }
}

function judgeTemplate(template: CertificateTemplate): void {
  const { commonName, notBeforeMs, notAfterMs } = template
  if (commonName.length === 0 || commonName.length > 256) {
    throw new X509Error('X509_TEMPLATE_INVALID', 'the common name must have 1 to 256 characters')
  }
  if (!(Number.isFinite(notBeforeMs) && Number.isFinite(notAfterMs) && notBeforeMs < notAfterMs)) {
    throw new X509Error('X509_TEMPLATE_INVALID', 'the validity must begin before it ends')
  }
}

/** As a structure, not as RFC 4514 text, so that nothing in a name needs escaping. */
function nameOf({ commonName, organizations = [] }: CertificateTemplate): peculiar.Name {
  return new peculiar.Name([
    ...organizations.map((organization) => ({ O: [{ utf8String: organization }] })),
    { CN: [{ utf8String: commonName }] },
  ])
}

/** Hex of the serial with its top bit cleared and the next set: positive and never short (RFC 5280, 4.1.2.2). */
function positiveSerial(serial: Uint8Array): string {
  const bytes = Buffer.from(serial)
  if (bytes.length < 16 || bytes.length > 20)
    throw new TypeError('"serial" must have 16 to 20 bytes')
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function extensionsOf(
  template: CertificateTemplate,
  publicKey: KeyObject,
  issuer: CertificateIssuer | { readonly selfSigningKey: KeyObject },
): Promise<peculiar.Extension[]> {
  const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = peculiar.KeyUsageFlags
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const extensions: peculiar.Extension[] = [
    new peculiar.BasicConstraintsExtension(template.isCa, template.isCa ? 0 : undefined, true),
    new peculiar.KeyUsagesExtension(
      template.isCa ? keyCertSign | cRLSign : digitalSignature | keyEncipherment,
      true,
    ),
    await peculiar.SubjectKeyIdentifierExtension.create(spki, false, webcrypto),
  ]
  if (!('selfSigningKey' in issuer)) {
    const authority = new peculiar.X509Certificate(issuer.certificatePem)
    extensions.push(
      await peculiar.AuthorityKeyIdentifierExtension.create(
        authority.publicKey.rawData,
        false,
        webcrypto,
      ),
    )
  }
  if (template.usages.length > 0) {
    const oids = template.usages.map((usage) => extendedKeyUsageOids[usage])
    extensions.push(new peculiar.ExtendedKeyUsageExtension(oids, false))
  }
  const names = [
    ...template.dnsNames.map((value) => ({ type: 'dns' as const, value })),
    ...template.ipAddresses.map((value) => ({ type: 'ip' as const, value })),
  ]
  if (names.length > 0) extensions.push(new peculiar.SubjectAlternativeNameExtension(names))
  for (const { oid, critical, value } of template.extensions) {
    extensions.push(new peculiar.Extension(oid, critical, Uint8Array.from(value)))
  }
  return extensions
}

/** node:crypto's keys as WebCrypto's, which the library wants. */
async function importKey(key: KeyObject, use: 'sign' | 'verify'): Promise<webcrypto.CryptoKey> {
  const der = key.export(
    use === 'sign' ? { type: 'pkcs8', format: 'der' } : { type: 'spki', format: 'der' },
  )
  return webcrypto.subtle.importKey(
    use === 'sign' ? 'pkcs8' : 'spki',
    Uint8Array.from(der),
    ALGORITHM,
    true,
    [use],
  )
}

const pemOf = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
