import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

export interface KeyedCertificate {
  readonly cert: string
  readonly key: string
}

/** An authority of a test's own, and certificates by it. */
export interface Pki {
  readonly ca: string
  /** For 127.0.0.1, ::1 and localhost, or for the one DNS name that is given. */
  server(dnsName?: string): Promise<KeyedCertificate>
  client(commonName: string): Promise<KeyedCertificate>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const hourMs = 3_600_000

export async function createPki(name = 'test-ca'): Promise<Pki> {
  const keys = await generateKeys()
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + hourMs),
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  })
  return {
    ca: authority.toString('pem'),
    server: (dnsName) =>
      issue(authority, keys.privateKey, 'server', [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          dnsName === undefined
            ? [
                { type: 'dns', value: 'localhost' },
                { type: 'ip', value: '127.0.0.1' },
                { type: 'ip', value: '::1' },
              ]
            : [{ type: 'dns', value: dnsName }],
        ),
      ]),
    client: (commonName) =>
      issue(authority, keys.privateKey, commonName, [
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
      ]),
  }
}

async function issue(
  authority: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  commonName: string,
  extensions: (ExtendedKeyUsageExtension | SubjectAlternativeNameExtension)[],
): Promise<KeyedCertificate> {
  const keys = await generateKeys()
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${commonName}`,
    issuer: authority.subject,
    signingKey,
    publicKey: keys.publicKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + hourMs),
    extensions,
  })
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: PemConverter.encode(der, 'PRIVATE KEY') }
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}
