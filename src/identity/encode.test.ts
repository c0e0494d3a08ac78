import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeIdentity, encodeIdentity, IDENTITY_OID } from './encode.ts'
import type { AdminIdentity, HostIdentity, Identity, UserIdentity } from './identity.ts'
import { MAX_IDENTITY_BYTES } from './limits.ts'

const user: UserIdentity = {
  kind: 'user',
  teleportCluster: 'example',
  user: 'alice@example.com',
  roles: ['access', 'editor'],
  traits: { groups: ['dev', 'ops'], logins: [] },
  login: 'local',
  issuedAtMs: 1_769_860_800_000,
  pinnedAddress: null,
}
const host: HostIdentity = {
  kind: 'host',
  teleportCluster: 'example',
  hostId: 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
  services: ['auth', 'proxy', 'kube'],
}
const admin: AdminIdentity = { kind: 'admin', teleportCluster: 'example', hostId: host.hostId }

const bytes = (value: unknown): Uint8Array =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const text = (identity: Identity): string => Buffer.from(encodeIdentity(identity)).toString()

describe('IDENTITY_OID', () => {
  it('has arcs of 31 bits: kubectl says "malformed extension OID field" to larger ones', () => {
    expect(IDENTITY_OID.split('.').every((arc) => Number(arc) < 2 ** 31)).toBe(true)
  })
})

describe('encodeIdentity', () => {
  it('writes one text per identity, whatever the order of its fields', () => {
    expect(text(user)).toBe(
      '{"v":1,"kind":"user","teleportCluster":"example","user":"alice@example.com","roles":["access","editor"],' +
        '"traits":{"groups":["dev","ops"],"logins":[]},"login":"local","issuedAtMs":1769860800000,"pinnedAddress":null}',
    )
    const reversed = Object.fromEntries(Object.entries(user).reverse()) as unknown as UserIdentity
    expect(text(reversed)).toBe(text(user))
  })

  it('leaves out what is no part of an identity', () => {
    expect(text({ ...admin, secret: 'x' } as AdminIdentity)).toBe(text(admin))
  })

  it('fits up to the limit and not above', () => {
    const sized = (length: number): UserIdentity => ({
      ...user,
      traits: { x: ['y'.repeat(length)] },
    })
    const rest = encodeIdentity(sized(1)).length - 1
    expect(encodeIdentity(sized(MAX_IDENTITY_BYTES - rest))).toHaveLength(MAX_IDENTITY_BYTES)
    expect(() => encodeIdentity(sized(MAX_IDENTITY_BYTES - rest + 1))).toThrow(
      expect.objectContaining({ code: 'IDENTITY_TOO_LARGE' }),
    )
  })

  it('holds a thousand groups', () => {
    const groups = Array.from({ length: 1000 }, (_, at) => `cn=team-${at},ou=groups`)
    expect(() => encodeIdentity({ ...user, traits: { groups } })).not.toThrow()
  })

  it.each([
    ['a user name with a line break', { ...user, user: 'a\r\nb' }, 'USER_NAME_INVALID'],
    ['a user of Kubernetes itself', { ...user, user: 'system:admin' }, 'USER_NAME_INVALID'],
    ['an empty role', { ...user, roles: [''] }, 'IDENTITY_MALFORMED'],
    ['an empty cluster', { ...admin, teleportCluster: '' }, 'IDENTITY_MALFORMED'],
    ['a time that is none', { ...user, issuedAtMs: Number.NaN }, 'IDENTITY_MALFORMED'],
  ])('signs nothing that nobody could read: %s', (_name, identity, code) => {
    expect(() => encodeIdentity(identity as Identity)).toThrow(expect.objectContaining({ code }))
  })
})

describe('decodeIdentity', () => {
  it.each<[string, Identity]>([
    ['a user', user],
    ['a pinned one', { ...user, login: 'signed', pinnedAddress: '192.0.2.1' }],
    ['a host', host],
    ['an administrator', admin],
  ])('reads %s back', (_name, identity) => {
    expect(decodeIdentity(encodeIdentity(identity))).toEqual(identity)
  })

  const wire = JSON.parse(text(user)) as Record<string, unknown>
  const without = (field: string): Record<string, unknown> =>
    Object.fromEntries(Object.entries(wire).filter(([name]) => name !== field))

  it.each<[string, Uint8Array]>([
    ['nothing', bytes('')],
    ['no JSON', bytes('hello')],
    ['JSON cut short', bytes(text(user).slice(0, -1))],
    ['a number', bytes('1')],
    ['null', bytes('null')],
    ['a list', bytes('[]')],
    ['a byte order mark', bytes(`\ufeff${text(user)}`)],
    ['what is not UTF-8', Buffer.concat([bytes(text(user)), Buffer.from([0xff])])],
    ['a space', bytes(`${text(user)} `)],
    ['fields in another order', bytes(Object.fromEntries(Object.entries(wire).reverse()))],
    ['a field twice', bytes(text(user).replace('"user":', '"user":"bob","user":'))],
    ['a field that it does not know', bytes({ ...wire, mfa: true })],
    ['another escape for the same letter', bytes(text(user).replace('alice', '\\u0061lice'))],
    [
      'another spelling of the same number',
      bytes(text(user).replace('1769860800000', '17698608e5')),
    ],
    ['a later version', bytes({ ...wire, v: 2 })],
    ['a version as text', bytes({ ...wire, v: '1' })],
    ['an unknown kind', bytes({ ...wire, kind: 'root' })],
    ['a kind that is a list', bytes({ ...wire, kind: ['user'] })],
    ['an unknown login', bytes({ ...wire, login: 'sso' })],
    ['roles that are text', bytes({ ...wire, roles: 'admin' })],
    ['a role that is a number', bytes({ ...wire, roles: [1] })],
    ['traits that are a list', bytes({ ...wire, traits: [] })],
    ['a trait that is text', bytes({ ...wire, traits: { groups: 'dev' } })],
    ['a trait that holds a number', bytes({ ...wire, traits: { groups: [1] } })],
    ['a time below zero', bytes({ ...wire, issuedAtMs: -1 })],
    ['half a millisecond', bytes({ ...wire, issuedAtMs: 0.5 })],
    ['an empty pinned address', bytes({ ...wire, pinnedAddress: '' })],
    ['an unknown service', bytes({ v: 1, ...host, services: ['root'] })],
    ...Object.keys(wire).map((field): [string, Uint8Array] => [
      `a user without "${field}"`,
      bytes(without(field)),
    ]),
  ])('refuses %s', (_name, given) => {
    expect(() => decodeIdentity(given)).toThrow(
      expect.objectContaining({ code: 'IDENTITY_MALFORMED' }),
    )
  })

  it('refuses more than the limit before it reads it', () => {
    expect(() => decodeIdentity(Buffer.alloc(MAX_IDENTITY_BYTES + 1, '['))).toThrow(
      expect.objectContaining({ code: 'IDENTITY_TOO_LARGE' }),
    )
  })

  it('refuses nesting that fills the limit, as an error of its own', () => {
    expect(() => decodeIdentity(Buffer.alloc(MAX_IDENTITY_BYTES, '['))).toThrow(
      expect.objectContaining({ code: 'IDENTITY_MALFORMED' }),
    )
  })

  it('a trait named like a property of objects is only a name', () => {
    const given = bytes(
      text({ ...user, traits: { x: ['1'] } }).replace('"x":', '"__proto__":["0"],"constructor":'),
    )
    const { traits } = decodeIdentity(given) as UserIdentity
    expect(Object.keys(traits)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(traits)).toBeNull()
  })
})

describe('encode and decode', () => {
  const word = fc.string({ minLength: 1, maxLength: 20 })
  const name = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._@+-]{0,30}$/)
  const users: fc.Arbitrary<UserIdentity> = fc.record({
    kind: fc.constant('user'),
    teleportCluster: word,
    user: name,
    roles: fc.array(word),
    traits: fc.dictionary(fc.string({ unit: 'binary' }), fc.array(fc.string({ unit: 'binary' }))),
    login: fc.constantFrom('local', 'signed'),
    issuedAtMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    pinnedAddress: fc.option(fc.ipV4()),
  })
  const hosts: fc.Arbitrary<HostIdentity> = fc.record({
    kind: fc.constant('host'),
    teleportCluster: word,
    hostId: word,
    services: fc.uniqueArray(fc.constantFrom('auth', 'proxy', 'kube')),
  })

  it('give back an equal identity', () => {
    fc.assert(
      fc.property(fc.oneof(users, hosts), (identity) => {
        const again = decodeIdentity(encodeIdentity(identity))
        // Traits come back without a prototype, which is the only difference.
        expect(JSON.parse(JSON.stringify(again))).toEqual(JSON.parse(JSON.stringify(identity)))
        expect(encodeIdentity(again)).toEqual(encodeIdentity(identity))
      }),
    )
  })

  it('no other bytes decode to it: a changed byte is refused or means something else', () => {
    const original = Buffer.from(encodeIdentity(user))
    fc.assert(
      fc.property(fc.nat(original.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const changed = Buffer.from(original)
        changed[at] = byte
        try {
          expect(Buffer.from(encodeIdentity(decodeIdentity(changed))).equals(changed)).toBe(true)
        } catch (error) {
          expect((error as { code?: unknown }).code).toMatch(
            /^(IDENTITY_MALFORMED|USER_NAME_INVALID)$/,
          )
        }
      }),
      { numRuns: 2000 },
    )
  })
})
