import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { roleOf, subjectOf } from '../../test/support/roles.ts'
import { clusterAccess } from './cluster-access.ts'

const prod = { name: 'p', labels: { env: 'prod', region: 'eu-1' }, unknownLabels: [] }
const dev = { name: 'd', labels: { env: 'dev' }, unknownLabels: [] }

const everyoneHimself = roleOf('self', {
  allow: { kubernetes_labels: { '*': '*' }, kubernetes_users: ['{{internal.kubernetes_users}}'] },
})

describe('clusterAccess()', () => {
  it.each([
    ['a literal', { env: 'prod' }, true],
    ['another literal', { env: 'dev' }, false],
    ['a list', { env: ['dev', 'prod'] }, true],
    ['everything', { '*': '*' }, true],
    ['nothing', {}, false],
    ['all names', { env: 'prod', region: 'eu-1' }, true],
    ['one name of two', { env: 'prod', region: 'us' }, false],
    ['a name that is not there', { team: '*' }, false],
    ['a glob', { region: 'eu-*' }, true],
    ['a regex', { region: '^eu-[0-9]+$' }, true],
    ['a regex that matches a part only', { region: '^eu$' }, false],
    ['a star as value', { env: '*' }, true],
    ['a name of the prototype', { constructor: '*' }, false],
  ])('matches labels by %s', (_what, kubernetes_labels, allowed) => {
    const access = clusterAccess(
      subjectOf([roleOf('r', { allow: { kubernetes_labels, kubernetes_groups: ['g'] } })]),
      prod,
    )
    expect(access.effect).toBe(allowed ? 'allow' : 'deny')
  })

  it('keeps developers out of production, whatever else allows it', () => {
    const developer = roleOf('developer', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['developers'] },
      deny: { kubernetes_labels: { env: 'prod' } },
    })
    const all = roleOf('all', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['system:masters'] },
    })
    expect(clusterAccess(subjectOf([all, developer]), prod)).toMatchObject({
      effect: 'deny',
      by: { role: 'developer', effect: 'deny', field: 'kubernetes_labels' },
    })
    expect(clusterAccess(subjectOf([all, developer]), dev)).toMatchObject({
      effect: 'allow',
      groups: ['developers', 'system:masters'],
    })
  })

  describe('with a label whose value is not known', () => {
    const unknown = { name: 'u', labels: { region: 'eu-1' }, unknownLabels: ['env'] }
    const groups = { kubernetes_groups: ['g'] }
    const everywhere = roleOf('everywhere', {
      allow: { kubernetes_labels: { '*': '*' }, ...groups },
    })

    it.each([
      ['its value', { env: 'prod' }, 'deny'],
      ['its value, and another label that matches', { env: 'prod', region: 'eu-*' }, 'deny'],
      ['its value, and another label that does not', { env: 'prod', region: 'us-*' }, 'allow'],
      ['another label', { region: 'us-*' }, 'allow'],
      ['nothing', {}, 'allow'],
    ])('denies whom a role forbids by %s', (_what, kubernetes_labels, effect) => {
      const guard = roleOf('guard', { deny: { kubernetes_labels } })
      expect(clusterAccess(subjectOf([everywhere, guard]), unknown).effect).toBe(effect)
    })

    it.each([
      ['its value', { env: 'dev' }, 'deny'],
      ['any value of it', { env: '*' }, 'deny'],
      ['another label', { region: 'eu-1' }, 'allow'],
    ])('does not let in whom a role allows by %s', (_what, kubernetes_labels, effect) => {
      const role = roleOf('r', { allow: { kubernetes_labels, ...groups } })
      expect(clusterAccess(subjectOf([role]), unknown).effect).toBe(effect)
    })
  })

  it('takes principals from the roles whose labels match only', () => {
    const one = roleOf('one', {
      allow: { kubernetes_labels: { env: 'dev' }, kubernetes_groups: ['admins'] },
    })
    const two = roleOf('two', {
      allow: { kubernetes_labels: { env: 'prod' }, kubernetes_groups: ['viewers'] },
    })
    expect(clusterAccess(subjectOf([one, two]), prod)).toMatchObject({ groups: ['viewers'] })
  })

  it('is the person himself when no role names users', () => {
    const access = clusterAccess(
      subjectOf([
        roleOf('r', { allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['g'] } }),
      ]),
      dev,
    )
    expect(access).toMatchObject({ users: ['joe'], defaultUser: 'joe' })
  })

  it('is the person himself when the traits of a template are missing', () => {
    const access = clusterAccess(
      subjectOf([
        roleOf('r', {
          allow: {
            kubernetes_labels: { '*': '*' },
            kubernetes_groups: ['{{internal.kubernetes_groups}}'],
            kubernetes_users: ['{{internal.kubernetes_users}}'],
          },
        }),
      ]),
      dev,
    )
    expect(access).toMatchObject({ effect: 'allow', users: ['joe'], groups: [] })
    const system = clusterAccess(
      subjectOf([everyoneHimself], {}, 'system:kube-controller-manager'),
      dev,
    )
    expect(system).toMatchObject({ effect: 'deny', code: 'NO_KUBERNETES_PRINCIPALS' })
  })

  it('does not let in who is kept out of every group', () => {
    const take = roleOf('take', { deny: { kubernetes_groups: ['*'] } })
    const give = roleOf('give', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['a'] },
    })
    expect(clusterAccess(subjectOf([give, take]), dev)).toMatchObject({
      effect: 'deny',
      code: 'NO_KUBERNETES_PRINCIPALS',
      by: { role: 'take' },
    })
  })

  it('takes denied groups and users away, wherever they came from', () => {
    const give = roleOf('give', {
      allow: {
        kubernetes_labels: { '*': '*' },
        kubernetes_groups: ['a', 'admins-x'],
        kubernetes_users: ['u', 'v'],
      },
    })
    const take = roleOf('take', {
      deny: { kubernetes_groups: ['admins-*'], kubernetes_users: ['v'] },
    })
    expect(clusterAccess(subjectOf([give, take]), dev)).toMatchObject({
      groups: ['a'],
      users: ['u'],
    })
    const all = roleOf('all', { deny: { kubernetes_users: ['*'] } })
    expect(clusterAccess(subjectOf([give, all]), dev)).toMatchObject({
      effect: 'deny',
      code: 'NO_KUBERNETES_PRINCIPALS',
    })
  })

  it('refuses a role that says nothing of groups and users, with the next step', () => {
    const access = clusterAccess(
      subjectOf([roleOf('r', { allow: { kubernetes_labels: { '*': '*' } } })]),
      dev,
    )
    expect(access).toMatchObject({ effect: 'deny', code: 'NO_KUBERNETES_PRINCIPALS' })
  })

  it('uses the same words for a cluster that is denied by a rule and by none', () => {
    const denied = clusterAccess(
      subjectOf([
        roleOf('r', {
          allow: { kubernetes_labels: { '*': '*' } },
          deny: { kubernetes_labels: { env: 'prod' } },
        }),
      ]),
      prod,
    )
    const none = clusterAccess(subjectOf([]), prod)
    expect(denied).toHaveProperty('message', (none as { message: string }).message)
  })

  it('matches a pathological regex in linear time', () => {
    const hostile = roleOf('r', {
      allow: { kubernetes_labels: { env: '^(a+)+$' }, kubernetes_groups: ['g'] },
    })
    const labels = { env: `${'a'.repeat(50_000)}!` }
    expect(
      clusterAccess(subjectOf([hostile]), { name: 'c', labels, unknownLabels: [] }).effect,
    ).toBe('deny')
  })

  it('does not depend on the order of roles, and a deny never widens', () => {
    const labels = fc.constantFrom({ '*': '*' }, { env: 'prod' }, { env: 'dev' }, {})
    const names = fc.subarray(['a', 'b', 'c'])
    const any = fc.record({
      allow: fc.record({
        kubernetes_labels: labels,
        kubernetes_groups: names,
        kubernetes_users: names,
      }),
      deny: fc.record({
        kubernetes_labels: labels,
        kubernetes_groups: names,
        kubernetes_users: names,
      }),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), any, (specs, extra) => {
        const roles = specs.map((spec, index) => roleOf(`r${index}`, spec))
        const access = clusterAccess(subjectOf(roles), prod)
        expect(clusterAccess(subjectOf([...roles].reverse()), prod).effect).toBe(access.effect)
        const narrowed = clusterAccess(
          subjectOf([...roles, roleOf('deny', { deny: extra.deny })]),
          prod,
        )
        if (access.effect === 'deny') expect(narrowed.effect).toBe('deny')
        else if (narrowed.effect === 'allow') {
          expect(access.groups).toEqual(expect.arrayContaining([...narrowed.groups]))
          expect(access.users).toEqual(expect.arrayContaining([...narrowed.users]))
        }
      }),
    )
  })

  it('denies when there is no role', () => {
    expect(clusterAccess(subjectOf([]), dev)).toMatchObject({ effect: 'deny', by: null })
  })
})
