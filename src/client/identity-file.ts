import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { errorCode, errorMessage, fileWords } from '../core/index.ts'
import { decodeIdentity, IDENTITY_OID, type UserIdentity } from '../identity/index.ts'
import { authServerName } from '../protocol/index.ts'
import { certificateFromPem, type ParsedCertificate, parseCertificate } from '../x509/index.ts'
import type { ApiConnection } from './api-connection.ts'
import { ClientError } from './errors.ts'
import type { ServerAddress } from './server-address.ts'

/** A key, a certificate and a handful of authorities; more is another kind of file. */
const MAX_FILE_BYTES = 1024 * 1024

/** Who somebody is by an identity file, as `tctl auth sign` and `tsh login --out` write it. Nothing in it is verified. */
export interface FileIdentity {
  readonly identity: UserIdentity
  /** PEM, like the two below. */
  readonly certificate: string
  readonly privateKey: string
  readonly hostCa: string
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** Reads an identity file. `exposed`: others on this machine may read it too. Rejects with ClientError. */
export async function readIdentityFile(
  path: string,
): Promise<FileIdentity & { readonly exposed: boolean }> {
  try {
    const { size, mode, uid } = await stat(path)
    if (size > MAX_FILE_BYTES) throw notAnIdentity(path, 'it is too large')
    const text = await readFile(path, 'utf8')
    const own = process.getuid === undefined || process.getuid() === uid
    return { ...parseIdentityFile(path, text), exposed: own && (mode & 0o077) !== 0 }
  } catch (error) {
    if (error instanceof ClientError) throw error
    if (errorCode(error) === 'ENOENT') {
      throw new ClientError('IDENTITY_MISSING', `there is no ${path}`, { cause: error })
    }
    throw new ClientError('IDENTITY_UNREADABLE', `cannot read ${path}: ${fileWords(error)}`, {
      cause: error,
    })
  }
}

/**
 * Takes an identity file apart. The certificate is the one that belongs to the key, whatever the order; every other one is
 * an authority. Who it is for and of which Teleport cluster is said by the certificate alone: comments are for people.
 * Throws ClientError IDENTITY_UNREADABLE.
 */
export function parseIdentityFile(path: string, text: string): FileIdentity {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g)]
  const pems = (label: RegExp): string[] =>
    blocks.flatMap(([pem, name = '']) => (label.test(name) ? [`${pem}\n`] : []))
  const [privateKey, ...otherKeys] = pems(/PRIVATE KEY$/)
  if (privateKey === undefined) throw notAnIdentity(path, 'no private key in it', text)
  if (otherKeys.length > 0) throw notAnIdentity(path, 'more than one private key in it')
  const key = keyOf(path, privateKey)
  const certificates = pems(/^CERTIFICATE$/).map((pem) => ({ pem, parsed: parsed(path, pem) }))
  const [own, ...otherOwn] = certificates.filter(({ parsed: { x509 } }) =>
    x509.checkPrivateKey(key),
  )
  if (own === undefined) throw notAnIdentity(path, 'no certificate for its key in it')
  if (otherOwn.length > 0) throw notAnIdentity(path, 'more than one certificate for its key in it')
  const authorities = certificates.filter((one) => one !== own)
  if (authorities.length === 0) throw notAnIdentity(path, 'no authority in it')
  if (!authorities.every(({ parsed: { isCa } }) => isCa)) {
    throw notAnIdentity(path, 'a certificate that is neither for its key nor an authority')
  }
  return {
    identity: identityOf(path, own.parsed),
    certificate: own.pem,
    privateKey,
    hostCa: authorities.map(({ pem }) => pem).join(''),
    expiresAtMs: own.parsed.notAfterMs,
  }
}

/** The way to the auth service of the identity's own Teleport cluster, straight or through a proxy: both read the same name. */
export function connectionOf(
  identity: FileIdentity,
  address: ServerAddress,
): Omit<ApiConnection, 'hints'> {
  return {
    host: address.host,
    port: address.port,
    serverName: authServerName(identity.identity.teleportCluster),
    hostCa: identity.hostCa,
    certificate: identity.certificate,
    privateKey: identity.privateKey,
  }
}

function keyOf(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    // Without OpenSSL's words: they may quote what is in the file.
    throw notAnIdentity(path, 'its private key cannot be used (is it encrypted?)', '', error)
  }
}

function parsed(path: string, pem: string): ParsedCertificate {
  try {
    return parseCertificate(certificateFromPem(pem))
  } catch (error) {
    throw notAnIdentity(
      path,
      `a certificate in it cannot be read: ${errorMessage(error)}`,
      '',
      error,
    )
  }
}

function identityOf(path: string, certificate: ParsedCertificate): UserIdentity {
  const extension = certificate.extension(IDENTITY_OID)
  if (extension === null) throw notAnIdentity(path, 'its certificate is no user’s of ours')
  try {
    const identity = decodeIdentity(extension)
    if (identity.kind === 'user') return identity
  } catch (error) {
    throw notAnIdentity(path, `its certificate cannot be read: ${errorMessage(error)}`, '', error)
  }
  throw notAnIdentity(path, 'its certificate is a service’s and not a user’s')
}

function notAnIdentity(path: string, why: string, text = '', cause?: unknown): ClientError {
  const kubeconfig = /^kind: Config$/m.test(text)
  return new ClientError('IDENTITY_UNREADABLE', `${path} is not an identity file: ${why}`, {
    cause,
    hint: kubeconfig
      ? 'this is a kubeconfig: an identity file is written by "tctl auth sign --format=file"'
      : 'one is written by "tctl auth sign --format=file" and "tsh login --format=file --out"',
  })
}
