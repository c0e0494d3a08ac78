import { createPrivateKey } from 'node:crypto'
import { errorMessage } from '../../core/index.ts'
import { decodeIdentity, type HostIdentity, IDENTITY_OID } from '../../identity/index.ts'
import { certificateFromPem, parseCertificate } from '../../x509/index.ts'
import { MemberError } from '../errors.ts'
import type { StoredIdentity } from './types.ts'

const VERSION = 1

/** As it stands in a file or a Secret: JSON. */
export function encodeStored(identity: StoredIdentity): string {
  const { labels, certificatePem, privateKeyPem, hostCaPem } = identity
  return `${JSON.stringify(
    {
      version: VERSION,
      labels,
      certificate: certificatePem,
      private_key: privateKeyPem,
      host_ca: hostCaPem,
    },
    null,
    2,
  )}\n`
}

/**
 * Reads what `encodeStored` wrote. Who it is for is said by the certificate alone. Throws MemberError MEMBER_IDENTITY_UNREADABLE,
 * with the next step and without anything of the content.
 */
export function decodeStored(text: string, place: string): StoredIdentity {
  try {
    const stored = JSON.parse(text) as Readonly<Record<string, unknown>>
    if (stored['version'] !== VERSION) throw new Error('it is of another version')
    return identityOf({
      certificatePem: textOf(stored['certificate'], 'certificate'),
      privateKeyPem: textOf(stored['private_key'], 'private_key'),
      hostCaPem: textOf(stored['host_ca'], 'host_ca'),
      labels: labelsOf(stored['labels']),
    })
  } catch (error) {
    const why = error instanceof SyntaxError ? 'it is no JSON' : errorMessage(error)
    throw new MemberError(
      'MEMBER_IDENTITY_UNREADABLE',
      `the identity in ${place} cannot be used: ${why}. Remove it and join again with a token`,
      { cause: error instanceof SyntaxError ? undefined : error },
    )
  }
}

/** Takes the certificate apart and sees to it that it is a host's and belongs to the key. Throws an Error with the reason. */
export function identityOf(
  parts: Pick<StoredIdentity, 'certificatePem' | 'privateKeyPem' | 'hostCaPem' | 'labels'>,
): StoredIdentity {
  const certificate = parseCertificate(certificateFromPem(parts.certificatePem))
  if (!certificate.x509.checkPrivateKey(keyOf(parts.privateKeyPem))) {
    throw new Error('its certificate is not for its key')
  }
  const { hostId, services, teleportCluster } = hostOf(certificate.extension(IDENTITY_OID))
  return {
    ...parts,
    hostId,
    services,
    teleportCluster,
    issuedAtMs: certificate.notBeforeMs,
    expiresAtMs: certificate.notAfterMs,
  }
}

function keyOf(pem: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(pem)
  } catch {
    // Without OpenSSL's words: they may quote what is there.
    throw new Error('its private key cannot be read')
  }
}

function hostOf(extension: Uint8Array | null): HostIdentity {
  const identity = extension === null ? null : decodeIdentity(extension)
  if (identity?.kind === 'host') return identity
  throw new Error('its certificate is none of a service')
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${name} is missing`)
  return value
}

function labelsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) throw new Error('labels are missing')
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}
