import { createHash, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { DerReader } from './der-reader.ts'
import { derTag } from './der-tags.ts'
import {
  der,
  derBitString,
  derInteger,
  derOid,
  derSequence,
  derTime,
  derTrue,
} from './der-writer.ts'
import { X509Error } from './errors.ts'
import { ipBytes } from './ip-bytes.ts'
import { MAX_ALTERNATIVE_NAMES, MAX_COMMON_NAME_CHARS } from './limits.ts'
import { certificateFromPem, type ParsedCertificate, parseCertificate } from './parse.ts'
import { type CertificateStructure, extensionOids, readCertificateStructure } from './structure.ts'

export type ExtendedKeyUsage = 'clientAuth' | 'serverAuth'

/** RFC 5280, 4.2.1.12. */
export const extendedKeyUsageOids: Readonly<Record<ExtendedKeyUsage, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
}

/** RFC 5280, A.1. */
const nameOids = { commonName: '2.5.4.3', organization: '2.5.4.10' } as const
/** RFC 5758, 3.2: ecdsa-with-SHA256, without parameters. */
const ECDSA_WITH_SHA256 = derSequence(derOid('1.2.840.10045.4.3.2'))
/** GeneralizedTime has four digits for the year. */
const LAST_INSTANT_MS = Date.UTC(9999, 11, 31, 23, 59, 59)
const DNS_NAME = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i

const signAsync = promisify(sign)

/** What a certificate will say; decided by a pure function, signed by `issueCertificate`. */
export interface CertificateTemplate {
  readonly commonName: string
  readonly organizations?: readonly string[]
  /** Milliseconds since the epoch; certificates count whole seconds, so what is below is cut off. */
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

/**
 * Signs a certificate (RFC 5280) with ECDSA P-256 and SHA-256; `selfSigningKey` instead of an issuer makes it self-signed.
 * `serial`: 16 to 19 random bytes, made a positive number. The signed bytes are parsed back and compared with the
 * template before they are returned. Throws X509Error X509_TEMPLATE_INVALID or X509_KEY_UNSUITABLE.
 */
export async function issueCertificate(options: {
  readonly template: CertificateTemplate
  readonly publicKey: KeyObject
  readonly issuer: CertificateIssuer | { readonly selfSigningKey: KeyObject }
  readonly serial: Uint8Array
}): Promise<IssuedCertificate> {
  const { template, publicKey, issuer } = options
  assertTemplate(template)
  const authority = 'selfSigningKey' in issuer ? null : certificateFromPem(issuer.certificatePem)
  const signingKey = 'selfSigningKey' in issuer ? issuer.selfSigningKey : issuer.privateKey
  assertP256(signingKey)
  assertP256(publicKey)
  const serial = positiveSerial(options.serial)
  const tbs = tbsCertificate({ template, publicKey, authority, serial })
  const signature = await signAsync('sha256', tbs, { key: signingKey, dsaEncoding: 'der' })
  const bytes = derSequence(tbs, ECDSA_WITH_SHA256, derBitString(signature))
  const parsed = parseCertificate(bytes)
  assertAsOrdered({ parsed, template, publicKey, authority, signingKey, serial })
  return { pem: pemOf(bytes), der: bytes, notAfterMs: parsed.notAfterMs }
}

/** TBSCertificate of RFC 5280, 4.1. */
function tbsCertificate(order: {
  readonly template: CertificateTemplate
  readonly publicKey: KeyObject
  readonly authority: Buffer | null
  readonly serial: Buffer
}): Buffer {
  const { template, publicKey, authority, serial } = order
  const subject = nameOf(template)
  const issuer = authority === null ? null : readCertificateStructure(authority)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return derSequence(
    der(derTag.version, derInteger(2)),
    der(derTag.integer, serial),
    ECDSA_WITH_SHA256,
    issuer?.subject ?? subject,
    derSequence(derTime(template.notBeforeMs), derTime(template.notAfterMs)),
    subject,
    spki,
    der(derTag.extensions, derSequence(...extensionsOf(template, spki, issuer))),
  )
}

function extensionsOf(
  template: CertificateTemplate,
  spki: Buffer,
  issuer: CertificateStructure | null,
): Buffer[] {
  const { isCa, usages, dnsNames, ipAddresses } = template
  const extensions = [
    // An authority signs leaves only: a path of length 0.
    extension(
      extensionOids.basicConstraints,
      true,
      isCa ? derSequence(derTrue, derInteger(0)) : derSequence(),
    ),
    // keyCertSign and cRLSign, or digitalSignature: all that an ECDSA key may do in TLS (RFC 8813, 3).
    extension(
      extensionOids.keyUsage,
      true,
      isCa ? derBitString(Buffer.from([0x06]), 1) : derBitString(Buffer.from([0x80]), 7),
    ),
    extension(
      extensionOids.subjectKeyIdentifier,
      false,
      der(derTag.octetString, keyIdentifier(spki)),
    ),
  ]
  if (issuer !== null) {
    const value = derSequence(der(derTag.keyIdentifier, identifierOf(issuer)))
    extensions.push(extension(extensionOids.authorityKeyIdentifier, false, value))
  }
  if (usages.length > 0) {
    const oids = usages.map((usage) => derOid(extendedKeyUsageOids[usage]))
    extensions.push(extension(extensionOids.extendedKeyUsage, false, derSequence(...oids)))
  }
  const names = [
    ...dnsNames.map((name) => der(derTag.dnsName, Buffer.from(name, 'latin1'))),
    ...ipAddresses.map((address) => der(derTag.ipAddress, ipBytes(address) ?? Buffer.alloc(0))),
  ]
  if (names.length > 0) {
    extensions.push(extension(extensionOids.subjectAlternativeName, false, derSequence(...names)))
  }
  for (const { oid, critical, value } of template.extensions) {
    extensions.push(extension(oid, critical, value))
  }
  return extensions
}

const extension = (oid: string, critical: boolean, value: Uint8Array): Buffer =>
  derSequence(derOid(oid), ...(critical ? [derTrue] : []), der(derTag.octetString, value))

/** RFC 7093, 2, method 1: the left 160 bits of SHA-256 over the key's bits. */
function keyIdentifier(spki: Buffer): Buffer {
  const fields = new DerReader(spki).enter(derTag.sequence)
  fields.expect(derTag.sequence)
  const bits = fields.expect(derTag.bitString).content.subarray(1)
  return createHash('sha256').update(bits).digest().subarray(0, 20)
}

function identifierOf(issuer: CertificateStructure): Uint8Array {
  const found = issuer.extensions.get(extensionOids.subjectKeyIdentifier)
  if (found === undefined) throw invalid('the issuer has no subject key identifier')
  return new DerReader(found.value).expect(derTag.octetString).content
}

/** A sequence of sets of one attribute each, as UTF8String: nothing in a name needs escaping. */
function nameOf({ commonName, organizations = [] }: CertificateTemplate): Buffer {
  const attribute = (oid: string, text: string): Buffer =>
    der(derTag.set, derSequence(derOid(oid), der(derTag.utf8String, Buffer.from(text, 'utf8'))))
  return derSequence(
    ...organizations.map((organization) => attribute(nameOids.organization, organization)),
    attribute(nameOids.commonName, commonName),
  )
}

/** A 1 in front of the random bytes: positive, never short, and no random bit is lost (RFC 5280, 4.1.2.2). */
function positiveSerial(random: Uint8Array): Buffer {
  if (random.length < 16 || random.length > 19) {
    throw new TypeError('"serial" must have 16 to 19 bytes')
  }
  return Buffer.from([1, ...random])
}

function assertTemplate(template: CertificateTemplate): void {
  const { commonName, organizations = [], notBeforeMs, notAfterMs } = template
  for (const text of [commonName, ...organizations]) {
    if (text.length === 0 || text.length > MAX_COMMON_NAME_CHARS) {
      throw invalid(`names must have 1 to ${MAX_COMMON_NAME_CHARS} characters`)
    }
    if (/\p{Cc}/u.test(text) || !text.isWellFormed()) {
      throw invalid('names must not have control characters')
    }
  }
  if (!(notBeforeMs >= 0 && notBeforeMs < notAfterMs && notAfterMs <= LAST_INSTANT_MS)) {
    throw invalid(
      'the validity must begin after 1970, and end after that and before the year 10000',
    )
  }
  const { dnsNames, ipAddresses } = template
  if (dnsNames.length + ipAddresses.length > MAX_ALTERNATIVE_NAMES) {
    throw invalid(`at most ${MAX_ALTERNATIVE_NAMES} alternative names`)
  }
  for (const name of dnsNames) {
    if (name.length > 253 || !DNS_NAME.test(name)) {
      throw invalid(`${JSON.stringify(name)} is not a DNS name`)
    }
  }
  for (const address of ipAddresses) {
    if (ipBytes(address) === null) throw invalid(`${JSON.stringify(address)} is not an IP address`)
  }
}

function assertP256({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): void {
  if (asymmetricKeyType !== 'ec' || asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new X509Error('X509_KEY_UNSUITABLE', 'the key must be ECDSA P-256')
  }
}

/** What was signed, as OpenSSL reads it, must be what was ordered; else a mistake here would become somebody's rights. */
function assertAsOrdered(outcome: {
  readonly parsed: ParsedCertificate
  readonly template: CertificateTemplate
  readonly publicKey: KeyObject
  readonly authority: Buffer | null
  readonly signingKey: KeyObject
  readonly serial: Buffer
}): void {
  const { parsed, template, publicKey, authority, signingKey, serial } = outcome
  const { x509 } = parsed
  const issuer = authority === null ? x509 : new X509Certificate(authority)
  const usages = template.usages.map((usage) => extendedKeyUsageOids[usage])
  const checks: Readonly<Record<string, boolean>> = {
    serial: x509.serialNumber.toLowerCase() === serial.toString('hex'),
    'public key': x509.publicKey.equals(publicKey),
    validity:
      parsed.notBeforeMs === wholeSeconds(template.notBeforeMs) &&
      parsed.notAfterMs === wholeSeconds(template.notAfterMs),
    authority: parsed.isCa === template.isCa && x509.ca === template.isCa,
    usages: usages.join() === parsed.extendedKeyUsages.join(),
    extensions: template.extensions.every(
      ({ oid, critical, value }) =>
        Buffer.from(value).equals(parsed.extension(oid) ?? Buffer.alloc(0)) &&
        parsed.criticalExtensions.includes(oid) === critical,
    ),
    issuer: issuer.checkPrivateKey(signingKey) && x509.verify(issuer.publicKey),
    'issuer name': x509.checkIssued(issuer),
  }
  for (const [part, holds] of Object.entries(checks)) {
    if (!holds) throw invalid(`its ${part} differs from what was ordered`)
  }
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000

const invalid = (why: string): X509Error =>
  new X509Error('X509_TEMPLATE_INVALID', `the certificate cannot be issued: ${why}`)

const pemOf = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`
