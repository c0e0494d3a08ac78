import { type KeyObject, randomBytes } from 'node:crypto'
import { type TrustBundle, trustedAuthority } from '../../../../src/ca/index.ts'
import { encodeIdentity, IDENTITY_OID, type UserIdentity } from '../../../../src/identity/index.ts'
import { generateKeyPair, issueCertificate } from '../../../../src/x509/index.ts'

export const TELEPORT_CLUSTER = 'example.com'

/** What a client proves to be. */
export interface Credentials {
  readonly key: string
  readonly cert: string
}

export interface CertificateFields {
  readonly notAfterMs?: number
  readonly pinnedAddress?: string | null
}

/** The authority that vouches for people. */
export interface UserAuthority {
  readonly trust: TrustBundle
  /** A certificate of a person, valid for an hour unless told. */
  certify(user: string, fields?: CertificateFields): Promise<Credentials>
}

const HOUR_MS = 3_600_000

export async function createUserAuthority(): Promise<UserAuthority> {
  const keys = await generateKeyPair()
  const life = { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + 24 * HOUR_MS }
  const none = { usages: [], dnsNames: [], ipAddresses: [], extensions: [] } as const
  const authority = await issueCertificate({
    template: { ...none, ...life, commonName: 'user CA', isCa: true },
    publicKey: keys.publicKey,
    issuer: { selfSigningKey: keys.privateKey },
    serial: randomBytes(16),
  })
  return {
    trust: { revision: 1, userCas: [trustedAuthority(authority.pem)], hostCas: [] },
    async certify(user, { notAfterMs = Date.now() + HOUR_MS, pinnedAddress = null } = {}) {
      const { privateKey, publicKey } = await generateKeyPair()
      const value = encodeIdentity({ ...identityOf(user), pinnedAddress })
      const issued = await issueCertificate({
        template: {
          ...none,
          ...life,
          notAfterMs,
          commonName: user,
          usages: ['clientAuth'],
          isCa: false,
          extensions: [{ oid: IDENTITY_OID, critical: false, value }],
        },
        publicKey,
        issuer: { certificatePem: authority.pem, privateKey: keys.privateKey },
        serial: randomBytes(16),
      })
      return { key: pemOf(privateKey), cert: issued.pem }
    },
  }
}

const identityOf = (user: string): UserIdentity => ({
  kind: 'user',
  teleportCluster: TELEPORT_CLUSTER,
  user,
  roles: ['dev'],
  traits: {},
  login: 'signed',
  issuedAtMs: Date.now(),
  pinnedAddress: null,
})

const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
