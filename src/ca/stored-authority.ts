import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto'
import { errorCode } from '../core/index.ts'
import type { Backend } from '../storage/index.ts'
import {
  certificateFromPem,
  generateKeyPair,
  issueCertificate,
  parseCertificate,
} from '../x509/index.ts'
import { authorityTemplate } from './certificate-template.ts'
import { CaError } from './errors.ts'
import { SERIAL_BYTES } from './limits.ts'
import type { SecretCipher } from './secret-cipher.ts'

/** The user CA vouches for people and robots, the host CA for our services and their administrator. */
export type AuthorityKind = 'user' | 'host'

export interface Authority {
  readonly certificatePem: string
  readonly privateKey: KeyObject
  readonly notAfterMs: number
}

interface StoredAuthority {
  readonly version: 1
  readonly certificate: string
  readonly sealed_key: string
}

export const AUTHORITY_PREFIX = 'authorities'

export const authorityKey = (kind: AuthorityKind): string => `${AUTHORITY_PREFIX}/${kind}`

/** Makes an authority and stores it, unless another auth server was faster: then that one's stays. Resolves to whether it is ours. */
export async function createAuthority(
  kind: AuthorityKind,
  options: {
    readonly backend: Backend
    readonly cipher: SecretCipher
    readonly clusterName: string
    readonly nowMs: number
  },
): Promise<boolean> {
  const { backend, cipher, clusterName, nowMs } = options
  const { privateKey, publicKey } = await generateKeyPair()
  const issued = await issueCertificate({
    template: authorityTemplate(kind, clusterName, nowMs),
    publicKey,
    issuer: { selfSigningKey: privateKey },
    serial: randomBytes(SERIAL_BYTES),
  })
  const key = authorityKey(kind)
  const stored: StoredAuthority = {
    version: 1,
    certificate: issued.pem,
    sealed_key: cipher.encrypt(key, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
  }
  try {
    await backend.create({ key, value: JSON.stringify(stored) })
    return true
  } catch (error) {
    if (errorCode(error) !== 'ALREADY_EXISTS') throw error
    return false
  }
}

/** Throws CaError: SECRET_UNREADABLE, CA_STORED_MALFORMED or CA_KEY_UNREADABLE. */
export function readAuthority(key: string, value: string, cipher: SecretCipher): Authority {
  const stored = parseStored(key, value)
  const { x509, isCa, notAfterMs } = parseStoredCertificate(key, stored.certificate)
  if (!isCa) throw malformed(key, 'its certificate is no authority')
  const privateKey = parseKey(key, cipher.decrypt(key, stored.sealed_key))
  if (!x509.checkPrivateKey(privateKey)) {
    throw new CaError('CA_KEY_UNREADABLE', `the key at ${key} does not belong to its certificate`)
  }
  return { certificatePem: stored.certificate, privateKey, notAfterMs }
}

function parseStored(key: string, value: string): StoredAuthority {
  let stored: Partial<Record<keyof StoredAuthority, unknown>> | null
  try {
    stored = JSON.parse(value) as typeof stored
  } catch (cause) {
    throw malformed(key, 'it is not JSON', cause)
  }
  if (stored?.version !== 1) {
    throw malformed(key, 'it is in a form that this version does not know')
  }
  const { certificate, sealed_key } = stored
  if (typeof certificate !== 'string' || typeof sealed_key !== 'string') {
    throw malformed(key, 'certificate or key are missing')
  }
  return { version: 1, certificate, sealed_key }
}

function parseStoredCertificate(key: string, pem: string): ReturnType<typeof parseCertificate> {
  try {
    return parseCertificate(certificateFromPem(pem))
  } catch (cause) {
    throw malformed(key, 'its certificate cannot be parsed', cause)
  }
}

function parseKey(key: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new CaError('CA_KEY_UNREADABLE', `what is sealed at ${key} is not a private key`, {
      cause,
    })
  }
}

const malformed = (key: string, why: string, cause?: unknown): CaError =>
  new CaError('CA_STORED_MALFORMED', `the authority at ${key} cannot be used: ${why}`, { cause })
