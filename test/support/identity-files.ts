import { type KeyObject, randomBytes } from 'node:crypto'
import { encodeIdentity, IDENTITY_OID, type Identity } from '../../src/identity/index.ts'
import { generateKeyPair, issueCertificate } from '../../src/x509/index.ts'

const HOUR_MS = 3_600_000

export interface PemIdentity {
  readonly key: string
  readonly certificate: string
  readonly hostCa: string
}

/** A key, a certificate of an identity, and the certificate of an authority, as PEM: what identity files are made of. */
export async function pemIdentity(
  identity: Identity,
  options: { readonly notAfterMs?: number } = {},
): Promise<PemIdentity> {
  const authority = await generateKeyPair()
  const life = { notBeforeMs: Date.now() - 2 * HOUR_MS, notAfterMs: Date.now() + HOUR_MS }
  const none = { usages: [], dnsNames: [], ipAddresses: [], extensions: [] } as const
  const ca = await issueCertificate({
    template: { ...none, ...life, commonName: 'an authority', isCa: true },
    publicKey: authority.publicKey,
    issuer: { selfSigningKey: authority.privateKey },
    serial: randomBytes(16),
  })
  const own = await generateKeyPair()
  const issued = await issueCertificate({
    template: {
      ...none,
      ...life,
      notAfterMs: options.notAfterMs ?? life.notAfterMs,
      commonName: 'somebody',
      usages: ['clientAuth'],
      isCa: false,
      extensions: [{ oid: IDENTITY_OID, critical: false, value: encodeIdentity(identity) }],
    },
    publicKey: own.publicKey,
    issuer: { certificatePem: ca.pem, privateKey: authority.privateKey },
    serial: randomBytes(16),
  })
  return { key: pemOf(own.privateKey), certificate: issued.pem, hostCa: ca.pem }
}

export const userIdentity = (user: string, teleportCluster = 'example.com'): Identity => ({
  kind: 'user',
  teleportCluster,
  user,
  roles: ['admin'],
  traits: {},
  login: 'signed',
  issuedAtMs: Date.now(),
  pinnedAddress: null,
})

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
