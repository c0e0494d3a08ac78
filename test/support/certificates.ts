import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import {
  type CertificateTemplate,
  generateKeyPair,
  issueCertificate,
} from '../../src/x509/index.ts'

const template = (
  commonName: string,
  fields: Partial<CertificateTemplate>,
): CertificateTemplate => ({
  commonName,
  notBeforeMs: Date.now() - 60_000,
  notAfterMs: Date.now() + 3_600_000,
  usages: [],
  dnsNames: [],
  ipAddresses: [],
  isCa: false,
  extensions: [],
  ...fields,
})

/** A certificate for one server name or IP address, and the authority that signed it, for servers that stand in for others. */
export async function serverCertificate(
  name: string,
): Promise<{ readonly key: string; readonly certificate: string; readonly ca: string }> {
  const authority = await generateKeyPair()
  const ca = await issueCertificate({
    template: template('test authority', { isCa: true }),
    publicKey: authority.publicKey,
    issuer: { selfSigningKey: authority.privateKey },
    serial: randomBytes(16),
  })
  const { privateKey, publicKey } = await generateKeyPair()
  const issued = await issueCertificate({
    template: template(name, {
      usages: ['serverAuth'],
      ...(isIP(name) === 0 ? { dnsNames: [name] } : { ipAddresses: [name] }),
    }),
    publicKey,
    issuer: { certificatePem: ca.pem, privateKey: authority.privateKey },
    serial: randomBytes(16),
  })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { key, certificate: issued.pem, ca: ca.pem }
}
