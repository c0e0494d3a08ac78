import { describe, expect, it } from 'vitest'
import { roleOf } from '../../test/support/roles.ts'
import type { UserIdentity } from '../identity/index.ts'
import { barOf, type Standing } from './bar.ts'
import { MAX_LOCKS_AGE_MS } from './limits.ts'
import { sessionOptions } from './session-options.ts'

const identity = (pinnedAddress: string | null): UserIdentity => ({
  kind: 'user',
  teleportCluster: 'c',
  user: 'joe',
  roles: [],
  traits: {},
  login: 'signed',
  issuedAtMs: 0,
  pinnedAddress,
})
const lock = {
  name: 'l1',
  user: 'joe',
  role: null,
  serverId: null,
  message: 'incident 42',
  expiresAtMs: null,
}
const free: Omit<Standing, 'options'> = {
  identity: identity(null),
  address: '10.0.0.1',
  roles: [],
  lock: null,
  locksAgeMs: 0,
}
const strict = roleOf('careful', { options: { lock: 'strict' } })
const pins = roleOf('pins', { options: { pin_source_ip: true } })

const whole = (standing: Omit<Standing, 'options'>): Standing => ({
  ...standing,
  options: sessionOptions(standing.roles),
})

describe('barOf()', () => {
  it.each([
    ['nothing speaks against it', free],
    ['the certificate is bound to this address', { ...free, identity: identity('10.0.0.1') }],
    ['the same address is written otherwise', { ...free, identity: identity('::ffff:10.0.0.1') }],
    ['a role wants that and it is', { ...free, identity: identity('10.0.0.1'), roles: [pins] }],
    ['locks are stale and no role minds', { ...free, locksAgeMs: Number.POSITIVE_INFINITY }],
    ['locks are just fresh enough', { ...free, roles: [strict], locksAgeMs: MAX_LOCKS_AGE_MS }],
  ])('lets a person go on when %s', (_why, standing) => {
    expect(barOf(whole(standing))).toBeNull()
  })

  it.each([
    ['LOCKED', 'lock "l1"', 'you are locked out: incident 42', { ...free, lock }],
    [
      'LOCKS_STALE',
      'role "careful" options.lock',
      'not known',
      { ...free, roles: [pins, strict], locksAgeMs: MAX_LOCKS_AGE_MS + 1 },
    ],
    ['ADDRESS_PINNED', null, 'log in again', { ...free, identity: identity('10.0.0.2') }],
    [
      'ADDRESS_NOT_PINNED',
      'role "pins" options.pin_source_ip',
      '--pin-address',
      { ...free, roles: [strict, pins] },
    ],
  ])('%s, by %s', (code, by, words, standing) => {
    expect(barOf(whole(standing))).toEqual({ code, by, message: expect.stringContaining(words) })
  })
})
