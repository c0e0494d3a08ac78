import fc from 'fast-check'
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

  describe('for a ServiceAccount', () => {
    const account = 'system:serviceaccount:ci:deployer'
    const deployer = (allow: object = {}, deny: object = {}): ReturnType<typeof clusterAccess> =>
      clusterAccess(
        subjectOf([
          roleOf('r', {
            allow: { kubernetes_labels: { '*': '*' }, kubernetes_users: [account], ...allow },
            deny,
          }),
        ]),
        dev,
      )

    it('is in the groups that Kubernetes gives to it', () => {
      expect(decideRequest(deployer(), nothing)).toMatchObject({
        principals: {
          user: account,
          groups: ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated'],
        },
      })
    })

    it('is so too when it is chosen with --as, besides the groups of the roles', () => {
      const both = deployer({ kubernetes_users: ['joe', account], kubernetes_groups: ['devs'] })
      expect(decideRequest(both, { ...nothing, users: [account] })).toMatchObject({
        principals: {
          user: account,
          groups: [
            'devs',
            'system:serviceaccounts',
            'system:serviceaccounts:ci',
            'system:authenticated',
          ],
        },
      })
      expect(decideRequest(both, nothing)).toMatchObject({
        principals: { user: 'joe', groups: ['devs', 'system:authenticated'] },
      })
    })

    it('is in those alone that the client chooses, its own among them', () => {
      const chosen = { ...nothing, groups: ['system:serviceaccounts:ci'] }
      expect(decideRequest(deployer(), chosen)).toMatchObject({
        principals: { groups: ['system:serviceaccounts:ci', 'system:authenticated'] },
      })
      const foreign = { ...nothing, groups: ['system:serviceaccounts:kube-system'] }
      expect(decideRequest(deployer(), foreign)).toMatchObject({ code: 'IMPERSONATION_DENIED' })
    })

    it('gives its groups to no other user', () => {
      const both = deployer({ kubernetes_users: ['joe', account] })
      const chosen = { ...nothing, users: ['joe'], groups: ['system:serviceaccounts'] }
      expect(decideRequest(both, chosen)).toMatchObject({ code: 'IMPERSONATION_DENIED' })
    })

    it.each([
      [['system:serviceaccounts'], ['system:serviceaccounts:ci', 'system:authenticated']],
      [['system:serviceaccounts:*'], ['system:serviceaccounts', 'system:authenticated']],
      [['system:serviceaccount*'], ['system:authenticated']],
    ])('is without what deny.kubernetes_groups %j takes', (kubernetes_groups, groups) => {
      const access = deployer({}, { kubernetes_groups })
      expect(decideRequest(access, nothing)).toMatchObject({
        principals: { user: account, groups },
      })
    })

    it('is never in a group that deny names, and always in one at least', () => {
      const name = fc.stringMatching(/^[a-z]{1,4}$/)
      const own = fc.constantFrom('system:serviceaccounts', 'system:serviceaccounts:ci', 'devs')
      fc.assert(
        fc.property(
          fc.array(fc.oneof(own, name)),
          fc.array(fc.oneof(own, name)),
          (denied, requested) => {
            const access = deployer(
              { kubernetes_groups: ['devs', 'ops'] },
              denied.length === 0 ? {} : { kubernetes_groups: denied },
            )
            const decision = decideRequest(access, { ...nothing, groups: requested })
            if (decision.effect === 'deny') {
              expect(requested.length).toBeGreaterThan(0)
              return
            }
            const { groups } = decision.principals
            expect(groups).toContain('system:authenticated')
            expect(groups.filter((group) => denied.includes(group))).toEqual([])
            expect(new Set(groups).size).toBe(groups.length)
          },
        ),
      )
    })
  })
})
