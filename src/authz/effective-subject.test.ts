import { describe, expect, it } from 'vitest'
import { roleOf, subjectOf } from '../../test/support/roles.ts'
import type { Traits } from '../identity/index.ts'
import { clusterAccess } from './cluster-access.ts'
import { effectiveSubject } from './effective-subject.ts'
import { sessionOptions } from './session-options.ts'
import type { Subject } from './types.ts'

const USER = { name: 'joe', roles: [], traits: {}, createdMs: 0 } as const

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
      { ...USER, roles: ['b', 'c'], traits: { g: ['y', 'new'] } },
      roles,
    )
    expect(found?.roles.map(({ name }) => name)).toEqual(['b'])
    expect({ ...found?.traits }).toEqual({ g: ['y'] })
  })

  it('is nobody with the certificate of an earlier user of the same name', () => {
    const at = (issuedAtMs: number, createdMs: number): Subject | null =>
      effectiveSubject(
        { ...identity, issuedAtMs },
        { name: 'joe', roles: ['a'], traits: {}, createdMs },
        roles,
      )
    expect(at(1000, 1001)).toBeNull()
    expect(at(1001, 1001)).not.toBeNull()
    expect(at(1002, 1001)).not.toBeNull()
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
          { ...USER, roles: ['b'], traits: current },
          new Map([['b', guard]]),
        ) ?? subjectOf([]),
        { name: 'c', labels: { env: 'prod' }, unknownLabels: [] },
      ).effect
    expect(decide({}, {})).toBe('allow')
    expect(decide({}, { blocked: ['prod'] })).toBe('deny')
    expect(decide({ blocked: ['prod'] }, {})).toBe('deny')
    expect(decide({ blocked: ['test'] }, { blocked: ['prod'] })).toBe('deny')
  })

  it('restricts by the options of roles that are younger than the certificate, and by no role that was taken away', () => {
    const pins = roleOf('pins', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['g'] },
      options: { pin_source_ip: true },
    })
    const known = new Map([...roles, ['pins', pins]])
    const of = (certified: readonly string[], current: readonly string[]): Subject | null =>
      effectiveSubject({ ...identity, roles: certified }, { ...USER, roles: current }, known)
    const later = of(['a'], ['a', 'pins'])
    expect(sessionOptions(later?.roles ?? []).pinSourceIp).toBe(true)
    expect(
      clusterAccess(later ?? subjectOf([]), { name: 'c', labels: {}, unknownLabels: [] }).effect,
    ).toBe('deny')
    expect(sessionOptions(of(['a', 'pins'], ['a'])?.roles ?? []).pinSourceIp).toBe(false)
  })

  it('is nobody when the user is gone', () => {
    expect(effectiveSubject(identity, null, roles)).toBeNull()
  })
})
