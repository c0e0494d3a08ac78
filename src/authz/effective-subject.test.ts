import { describe, expect, it } from 'vitest'
import { roleOf, subjectOf } from '../../test/support/roles.ts'
import type { Traits } from '../identity/index.ts'
import { clusterAccess } from './cluster-access.ts'
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

  it('denies by what either knows, so that an old certificate is no way around a new deny', () => {
    const guard = roleOf('b', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['dev'] },
      deny: { kubernetes_labels: { env: '{{external.blocked}}' } },
    })
    const decide = (certified: Traits, current: Traits): string =>
      clusterAccess(
        effectiveSubject(
          { ...identity, traits: certified },
          { name: 'joe', roles: ['b'], traits: current },
          new Map([['b', guard]]),
        ) ?? subjectOf([]),
        { name: 'c', labels: { env: 'prod' } },
      ).effect
    expect(decide({}, {})).toBe('allow')
    expect(decide({}, { blocked: ['prod'] })).toBe('deny')
    expect(decide({ blocked: ['prod'] }, {})).toBe('deny')
    expect(decide({ blocked: ['test'] }, { blocked: ['prod'] })).toBe('deny')
  })

  it('is nobody when the user is gone', () => {
    expect(effectiveSubject(identity, null, roles)).toBeNull()
  })
})
