import { IdentityError } from './errors.ts'
import type { HostService, Identity, Traits } from './identity.ts'
import { MAX_IDENTITY_BYTES } from './limits.ts'

/**
 * The X.509 extension that holds an Identity: JSON in UTF-8. Below the arc 2.25 (ITU-T X.667) numbers are free to take;
 * this one fits into 31 bits, since parsers that keep arcs in machine words misread a whole UUID.
 */
export const IDENTITY_OID = '2.25.1834052917'

const VERSION = 1

/** Throws IdentityError IDENTITY_TOO_LARGE. `decodeIdentity` of the result gives an equal identity. */
export function encodeIdentity(identity: Identity): Uint8Array {
  const bytes = Buffer.from(JSON.stringify({ v: VERSION, ...identity }), 'utf8')
  if (bytes.length > MAX_IDENTITY_BYTES) {
    throw new IdentityError(
      'IDENTITY_TOO_LARGE',
      `roles and traits of ${bytes.length} bytes do not fit into a certificate (at most ${MAX_IDENTITY_BYTES})`,
    )
  }
  return bytes
}

/** Throws IdentityError for whatever `encodeIdentity` cannot have made; nothing is guessed or defaulted. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  if (bytes.byteLength > MAX_IDENTITY_BYTES) {
    throw new IdentityError('IDENTITY_TOO_LARGE', `identity of ${bytes.byteLength} bytes`)
  }
  const fields = record(parseJson(bytes))
  if (fields['v'] !== VERSION) throw malformed('version')
  const teleportCluster = text(fields['teleportCluster'], 'teleportCluster')
  switch (fields['kind']) {
    case 'user':
      return {
        kind: 'user',
        teleportCluster,
        user: text(fields['user'], 'user'),
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

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
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

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(field)
  return value
}

function texts(value: unknown, field: string): string[] {
  if (!Array.isArray(value)) throw malformed(field)
  return value.map((entry: unknown) => text(entry, field))
}

function traits(value: unknown): Traits {
  const entries = Object.entries(record(value)).map(([name, values]): [string, string[]] => {
    if (!Array.isArray(values) || !values.every((entry) => typeof entry === 'string')) {
      throw malformed('traits')
    }
    return [name, values]
  })
  // Without a prototype a trait named "__proto__" is only a name.
  return Object.assign(Object.create(null) as Record<string, string[]>, Object.fromEntries(entries))
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
