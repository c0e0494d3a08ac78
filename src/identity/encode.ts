import { IdentityError } from './errors.ts'
import type { HostService, Identity, Traits } from './identity.ts'
import { MAX_IDENTITY_BYTES } from './limits.ts'
import { assertUserName } from './user-name.ts'

/**
 * The X.509 extension that holds an Identity: JSON in UTF-8. Below the arc 2.25 (ITU-T X.667) numbers are free to take;
 * this one fits into 31 bits, since Go's encoding/asn1, and so kubectl, refuses a certificate with larger arcs.
 */
export const IDENTITY_OID = '2.25.1834052917'

const VERSION = 1

/**
 * Throws IdentityError: IDENTITY_TOO_LARGE, or whatever `decodeIdentity` would throw, so that nothing is signed which
 * nobody can read. `decodeIdentity` of the result gives an equal identity.
 */
export function encodeIdentity(identity: Identity): Uint8Array {
  const bytes = Buffer.from(canonicalText(identity), 'utf8')
  if (bytes.length > MAX_IDENTITY_BYTES) {
    throw new IdentityError(
      'IDENTITY_TOO_LARGE',
      `roles and traits of ${bytes.length} bytes do not fit into a certificate (at most ${MAX_IDENTITY_BYTES})`,
    )
  }
  decodeIdentity(bytes)
  return bytes
}

/**
 * Throws IdentityError for whatever `encodeIdentity` cannot have made: unknown versions and kinds, missing, unknown or
 * repeated fields, another order. An unknown field may be a restriction, so ignoring it would be guessing.
 */
export function decodeIdentity(bytes: Uint8Array): Identity {
  if (bytes.byteLength > MAX_IDENTITY_BYTES) {
    throw new IdentityError('IDENTITY_TOO_LARGE', `identity of ${bytes.byteLength} bytes`)
  }
  const json = textOf(bytes)
  const identity = identityOf(record(parseJson(json)))
  if (canonicalText(identity) !== json) throw malformed('form')
  return identity
}

function identityOf(fields: Readonly<Record<string, unknown>>): Identity {
  if (fields['v'] !== VERSION) throw malformed('version')
  const teleportCluster = text(fields['teleportCluster'], 'teleportCluster')
  switch (fields['kind']) {
    case 'user':
      return {
        kind: 'user',
        teleportCluster,
        user: userName(fields['user']),
        roles: texts(fields['roles'], 'roles'),
        traits: traits(fields['traits']),
        login: oneOf(fields['login'], ['local', 'signed'], 'login'),
        issuedAtMs: instant(fields['issuedAtMs']),
        pinnedAddress:
          fields['pinnedAddress'] === null ? null : text(fields['pinnedAddress'], 'pinnedAddress'),
      }
    case 'host':
      return {
        kind: 'host',
        teleportCluster,
        hostId: text(fields['hostId'], 'hostId'),
        services: texts(fields['services'], 'services').map(
          (service): HostService => oneOf(service, ['auth', 'proxy', 'kube'], 'services'),
        ),
      }
    case 'admin':
      return { kind: 'admin', teleportCluster, hostId: text(fields['hostId'], 'hostId') }
    default:
      throw malformed('kind')
  }
}

/** One text per identity: these fields, in this order, without spaces. */
function canonicalText(identity: Identity): string {
  const { kind, teleportCluster } = identity
  switch (identity.kind) {
    case 'user': {
      const { user, roles, traits: given, login, issuedAtMs, pinnedAddress } = identity
      return JSON.stringify({
        v: VERSION,
        kind,
        teleportCluster,
        user,
        roles,
        traits: given,
        login,
        issuedAtMs,
        pinnedAddress,
      })
    }
    case 'host': {
      const { hostId, services } = identity
      return JSON.stringify({ v: VERSION, kind, teleportCluster, hostId, services })
    }
    case 'admin':
      return JSON.stringify({ v: VERSION, kind, teleportCluster, hostId: identity.hostId })
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new IdentityError('IDENTITY_MALFORMED', 'the identity is not UTF-8', { cause })
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new IdentityError('IDENTITY_MALFORMED', 'the identity is not JSON', { cause })
  }
}

const malformed = (field: string): IdentityError =>
  new IdentityError('IDENTITY_MALFORMED', `the identity's "${field}" is not what it must be`)

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('shape')
  return value as Readonly<Record<string, unknown>>
}

function userName(value: unknown): string {
  const name = text(value, 'user')
  assertUserName(name)
  return name
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(field)
  return value
}

function texts(value: unknown, field: string): string[] {
  if (!Array.isArray(value)) throw malformed(field)
  return value.map((entry: unknown) => text(entry, field))
}

function traits(value: unknown): Traits {
  // Without a prototype a trait named "__proto__" is only a name.
  const copy = Object.create(null) as Record<string, readonly string[]>
  for (const [name, values] of Object.entries(record(value))) {
    if (!Array.isArray(values) || !values.every((entry) => typeof entry === 'string')) {
      throw malformed('traits')
    }
    copy[name] = values
  }
  return copy
}

function instant(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw malformed('issuedAtMs')
  }
  return value
}

function oneOf<T extends string>(value: unknown, known: readonly T[], field: string): T {
  const found = known.find((entry) => entry === value)
  if (found === undefined) throw malformed(field)
  return found
}
