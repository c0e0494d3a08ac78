import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto'
import { type Clock, errorCode, type Logger } from '../core/index.ts'
import {
  type AdminIdentity,
  encodeIdentity,
  type HostIdentity,
  IDENTITY_OID,
  type Identity,
  type UserIdentity,
} from '../identity/index.ts'
import type { Backend } from '../storage/index.ts'
import {
  type CertificateTemplate,
  generateKeyPair,
  issueCertificate,
  parseCertificate,
  publicKeyFromPem,
  spkiPin,
} from '../x509/index.ts'
import { CaError } from './errors.ts'
import { BACKDATE_MS, CA_LIFE_MS, MIN_TTL_MS, SERIAL_BYTES } from './limits.ts'
import type { SecretCipher } from './secret-cipher.ts'
import { type TrustBundle, trustedAuthority } from './trust.ts'

/** The user CA vouches for people and robots, the host CA for our services and their administrator. */
type AuthorityKind = 'user' | 'host'

export interface Issued {
  readonly certificatePem: string
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** The certificate authorities of one Teleport cluster. Private keys never leave it. */
export interface Authorities {
  /** Rejects with CaError CA_TTL_INVALID, X509Error for an unsuitable key, IdentityError for one that does not fit. */
  issueUser(request: {
    identity: UserIdentity
    publicKeyPem: string
    ttlMs: number
  }): Promise<Issued>
  issueHost(request: {
    identity: HostIdentity | AdminIdentity
    publicKeyPem: string
    dnsNames: readonly string[]
    ipAddresses: readonly string[]
    ttlMs: number
  }): Promise<Issued>
  trust(): TrustBundle
  /** PEM of the host CA: what clients check our servers against. */
  readonly hostCaPem: string
  /** `sha256:…` of the host CA's public key. */
  readonly caPin: string
}

interface Authority {
  readonly certificatePem: string
  readonly privateKey: KeyObject
  readonly notAfterMs: number
}

interface StoredAuthority {
  readonly version: 1
  readonly certificate: string
  readonly sealed_key: string
}

/**
 * Opens the authorities, and makes them when the cluster is new. Several auth servers may do so at once: the first one's
 * stay. Rejects with CaError when a stored key cannot be read.
 */
export async function openAuthorities(options: {
  readonly backend: Backend
  readonly cipher: SecretCipher
  readonly clock: Clock
  readonly clusterName: string
  readonly log: Logger
}): Promise<Authorities> {
  const user = await openAuthority('user', options)
  const host = await openAuthority('host', options)
  const bundle: TrustBundle = {
    revision: 1,
    userCas: [trustedAuthority(user.certificatePem)],
    hostCas: [trustedAuthority(host.certificatePem)],
  }
  const { clock } = options
  return {
    hostCaPem: host.certificatePem,
    caPin: spkiPin(host.certificatePem),
    trust: () => bundle,
    issueUser: ({ identity, publicKeyPem, ttlMs }) =>
      issue(user, publicKeyPem, certificateTemplate(identity, clock.now(), ttlMs, [], [])),
    issueHost: ({ identity, publicKeyPem, ttlMs, dnsNames, ipAddresses }) =>
      issue(
        host,
        publicKeyPem,
        certificateTemplate(identity, clock.now(), ttlMs, dnsNames, ipAddresses),
      ),
  }
}

/** What a certificate for an identity says. Pure. */
export function certificateTemplate(
  identity: Identity,
  nowMs: number,
  ttlMs: number,
  dnsNames: readonly string[],
  ipAddresses: readonly string[],
): CertificateTemplate {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < MIN_TTL_MS) {
    throw new CaError('CA_TTL_INVALID', `a certificate cannot live ${ttlMs} ms`)
  }
  return {
    commonName: identity.kind === 'user' ? identity.user : `${identity.kind}:${identity.hostId}`,
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: nowMs + ttlMs,
    usages: identity.kind === 'host' ? ['serverAuth', 'clientAuth'] : ['clientAuth'],
    dnsNames,
    ipAddresses,
    isCa: false,
    extensions: [{ oid: IDENTITY_OID, critical: false, value: encodeIdentity(identity) }],
  }
}

async function issue(
  authority: Authority,
  publicKeyPem: string,
  template: CertificateTemplate,
): Promise<Issued> {
  if (template.notAfterMs > authority.notAfterMs) {
    throw new CaError(
      'CA_TTL_INVALID',
      `the certificate would outlive its authority, which ends ${new Date(authority.notAfterMs).toISOString()}`,
    )
  }
  const issued = await issueCertificate({
    template,
    publicKey: publicKeyFromPem(publicKeyPem),
    issuer: authority,
    serial: randomBytes(SERIAL_BYTES),
  })
  return { certificatePem: issued.pem, expiresAtMs: issued.notAfterMs }
}

async function openAuthority(
  kind: AuthorityKind,
  options: {
    backend: Backend
    cipher: SecretCipher
    clock: Clock
    clusterName: string
    log: Logger
  },
): Promise<Authority> {
  const { backend, cipher, clusterName, log } = options
  const key = `authorities/${kind}`
  const found = await backend.get(key)
  if (found !== null) return readAuthority(key, found.value, cipher)
  const value = JSON.stringify(await createAuthority(kind, key, options))
  try {
    await backend.create({ key, value })
    log.info({ authority: kind, cluster_name: clusterName }, 'certificate authority created')
    return readAuthority(key, value, cipher)
  } catch (error) {
    if (errorCode(error) !== 'ALREADY_EXISTS') throw error
  }
  const other = await backend.get(key)
  if (other === null) throw new CaError('CA_STORED_MALFORMED', `${key} vanished while it was read`)
  return readAuthority(key, other.value, cipher)
}

async function createAuthority(
  kind: AuthorityKind,
  key: string,
  { cipher, clock, clusterName }: { cipher: SecretCipher; clock: Clock; clusterName: string },
): Promise<StoredAuthority> {
  const { privateKey, publicKey } = await generateKeyPair()
  const nowMs = clock.now()
  const issued = await issueCertificate({
    template: {
      commonName: `${kind} CA of ${clusterName}`,
      organizations: [clusterName],
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + CA_LIFE_MS,
      usages: [],
      dnsNames: [],
      ipAddresses: [],
      isCa: true,
      extensions: [],
    },
    publicKey,
    issuer: { selfSigningKey: privateKey },
    serial: randomBytes(SERIAL_BYTES),
  })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { version: 1, certificate: issued.pem, sealed_key: cipher.encrypt(key, pem) }
}

function readAuthority(key: string, value: string, cipher: SecretCipher): Authority {
  const stored = JSON.parse(value) as StoredAuthority
  if (stored.version !== 1) {
    throw new CaError(
      'CA_STORED_MALFORMED',
      `${key} was written by a newer version of this program`,
    )
  }
  const x509 = parseCertificate(pemToDer(stored.certificate))
  const privateKey = createPrivateKey(cipher.decrypt(key, stored.sealed_key))
  if (!x509.x509.checkPrivateKey(privateKey)) {
    throw new CaError('CA_KEY_UNREADABLE', `the key at ${key} does not belong to its certificate`)
  }
  return { certificatePem: stored.certificate, privateKey, notAfterMs: x509.notAfterMs }
}

const pemToDer = (pem: string): Buffer =>
  Buffer.from(pem.replace(/-----[A-Z ]+-----/g, '').replace(/\s/g, ''), 'base64')
