import { describe, expect, it } from 'vitest'
import { roleOf, subjectOf } from '../../test/support/roles.ts'
import { clusterAccess } from './cluster-access.ts'
import { decideRequest } from './decide-request.ts'

const dev = { name: 'd', labels: { env: 'dev' }, unknownLabels: [] }
const nothing = { users: [], groups: [], unsupported: [] }

describe('decideRequest()', () => {
  const access = clusterAccess(
    subjectOf([
      roleOf('r', {
        allow: {
          kubernetes_labels: { '*': '*' },
          kubernetes_groups: ['devs', 'ops'],
          kubernetes_users: ['alice', 'joe'],
        },
      }),
    ]),
    dev,
  )

  it('is the own name among several users, with every group', () => {
    expect(decideRequest(access, nothing)).toMatchObject({
      principals: { user: 'joe', groups: ['devs', 'ops', 'system:authenticated'] },
    })
  })

  it('lets the client choose within what its roles give', () => {
    expect(decideRequest(access, { ...nothing, users: ['alice'], groups: ['ops'] })).toMatchObject({
      principals: { user: 'alice', groups: ['ops', 'system:authenticated'] },
    })
  })

  it.each([
    ['a foreign user', { ...nothing, users: ['root'] }, 'IMPERSONATION_DENIED', '"root"'],
    [
      'a foreign group',
      { ...nothing, groups: ['system:masters'] },
      'IMPERSONATION_DENIED',
      '"system:masters"',
    ],
    [
      'a group with a comma',
      { ...nothing, groups: ['devs,system:masters'] },
      'IMPERSONATION_DENIED',
      'devs,system:masters',
    ],
    ['two users', { ...nothing, users: ['alice', 'joe'] }, 'IMPERSONATION_DENIED', 'more than one'],
    [
      'a Uid',
      { ...nothing, unsupported: ['impersonate-uid'] },
      'IMPERSONATION_UNSUPPORTED',
      'impersonate-uid',
    ],
  ])('refuses %s by name', (_what, requested, code, words) => {
    const decision = decideRequest(access, requested)
    expect(decision).toMatchObject({ effect: 'deny', code })
    expect(decision).toHaveProperty('message', expect.stringContaining(words))
  })

  it('asks to choose when there are several users and none is the own name', () => {
    const several = clusterAccess(
      subjectOf([
        roleOf('r', { allow: { kubernetes_labels: { '*': '*' }, kubernetes_users: ['a', 'b'] } }),
      ]),
      dev,
    )
    expect(decideRequest(several, nothing)).toMatchObject({
      effect: 'deny',
      code: 'IMPERSONATION_AMBIGUOUS',
    })
  })

  it('adds system:authenticated once', () => {
    const decision = decideRequest(access, { ...nothing, groups: ['system:authenticated'] })
    expect(decision).toMatchObject({ principals: { groups: ['system:authenticated'] } })
  })
})
