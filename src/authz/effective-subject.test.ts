import { describe, expect, it } from 'vitest'
import { roleOf } from '../../test/support/roles.ts'
import { effectiveSubject } from './effective-subject.ts'

describe('effectiveSubject()', () => {
  const identity = {
    kind: 'user',
    teleportCluster: 'c',
    user: 'joe',
    roles: ['a', 'b'],
    traits: { g: ['x', 'y'], gone: ['z'] },
    login: 'signed',
    issuedAtMs: 0,
    pinnedAddress: null,
  } as const
  const roles = new Map([
    ['a', roleOf('a', {})],
    ['b', roleOf('b', {})],
    ['c', roleOf('c', {})],
  ])

  it('keeps what certificate and user agree on', () => {
    const found = effectiveSubject(
      identity,
      { name: 'joe', roles: ['b', 'c'], traits: { g: ['y', 'new'] } },
      roles,
    )
    expect(found?.roles.map(({ name }) => name)).toEqual(['b'])
    expect({ ...found?.traits }).toEqual({ g: ['y'] })
  })

  it('is nobody when the user is gone', () => {
    expect(effectiveSubject(identity, null, roles)).toBeNull()
  })
})
