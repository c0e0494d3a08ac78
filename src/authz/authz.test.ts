import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clusterAccess } from './cluster-access.ts'
import { decideApi } from './decide-api.ts'
import { decideRequest } from './decide-request.ts'
import { effectiveSubject } from './effective-subject.ts'
import { parseRole } from './parse-role.ts'
import { presetRoles } from './presets.ts'
import { sessionTtl } from './session-ttl.ts'
import { expandTemplate, parseTemplate } from './template.ts'
import type { Role, Subject } from './types.ts'

type Spec = { allow?: object; deny?: object; options?: object }
const role = (name: string, spec: Spec, version = 'v7'): Role =>
  parseRole({ kind: 'role', version, metadata: { name }, spec })
const subject = (roles: Role[], traits: Subject['traits'] = {}, user = 'joe'): Subject => ({
  user,
  roles,
  traits,
})
const prod = { name: 'p', labels: { env: 'prod', region: 'eu-1' } }
const dev = { name: 'd', labels: { env: 'dev' } }
const nothing = { users: [], groups: [], unsupported: [] }

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
      subject([role('r', { allow: { kubernetes_labels, kubernetes_groups: ['g'] } })]),
      prod,
    )
    expect(access.effect).toBe(allowed ? 'allow' : 'deny')
  })

  it('keeps developers out of production, whatever else allows it', () => {
    const developer = role('developer', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['developers'] },
      deny: { kubernetes_labels: { env: 'prod' } },
    })
    const all = role('all', {
      allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['system:masters'] },
    })
    expect(clusterAccess(subject([all, developer]), prod)).toMatchObject({
      effect: 'deny',
      by: { role: 'developer', effect: 'deny', field: 'kubernetes_labels' },
    })
    expect(clusterAccess(subject([all, developer]), dev)).toMatchObject({
      effect: 'allow',
      groups: ['developers', 'system:masters'],
    })
  })

  it('takes principals from the roles whose labels match only', () => {
    const one = role('one', {
      allow: { kubernetes_labels: { env: 'dev' }, kubernetes_groups: ['admins'] },
    })
    const two = role('two', {
      allow: { kubernetes_labels: { env: 'prod' }, kubernetes_groups: ['viewers'] },
    })
    expect(clusterAccess(subject([one, two]), prod)).toMatchObject({ groups: ['viewers'] })
  })

  it('is the person himself when no role names users', () => {
    const access = clusterAccess(
      subject([
        role('r', { allow: { kubernetes_labels: { '*': '*' }, kubernetes_groups: ['g'] } }),
      ]),
      dev,
    )
    expect(access).toMatchObject({ users: ['joe'], defaultUser: 'joe' })
  })

  it('takes denied groups and users away, wherever they came from', () => {
    const give = role('give', {
      allow: {
        kubernetes_labels: { '*': '*' },
        kubernetes_groups: ['a', 'admins-x'],
        kubernetes_users: ['u', 'v'],
      },
    })
    const take = role('take', {
      deny: { kubernetes_groups: ['admins-*'], kubernetes_users: ['v'] },
    })
    expect(clusterAccess(subject([give, take]), dev)).toMatchObject({ groups: ['a'], users: ['u'] })
    const all = role('all', { deny: { kubernetes_users: ['*'] } })
    expect(clusterAccess(subject([give, all]), dev)).toMatchObject({
      effect: 'deny',
      code: 'NO_KUBERNETES_PRINCIPALS',
    })
  })

  it('refuses a role that says nothing of groups and users, with the next step', () => {
    const access = clusterAccess(
      subject([role('r', { allow: { kubernetes_labels: { '*': '*' } } })]),
      dev,
    )
    expect(access).toMatchObject({ effect: 'deny', code: 'NO_KUBERNETES_PRINCIPALS' })
  })

  it('uses the same words for a cluster that is denied by a rule and by none', () => {
    const denied = clusterAccess(
      subject([
        role('r', {
          allow: { kubernetes_labels: { '*': '*' } },
          deny: { kubernetes_labels: { env: 'prod' } },
        }),
      ]),
      prod,
    )
    const none = clusterAccess(subject([]), prod)
    expect(denied).toHaveProperty('message', (none as { message: string }).message)
  })

  it('matches a pathological regex in linear time', () => {
    const hostile = role('r', {
      allow: { kubernetes_labels: { env: '^(a+)+$' }, kubernetes_groups: ['g'] },
    })
    const labels = { env: `${'a'.repeat(50_000)}!` }
    expect(clusterAccess(subject([hostile]), { name: 'c', labels }).effect).toBe('deny')
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
        const roles = specs.map((spec, index) => role(`r${index}`, spec))
        const access = clusterAccess(subject(roles), prod)
        expect(clusterAccess(subject([...roles].reverse()), prod).effect).toBe(access.effect)
        const narrowed = clusterAccess(
          subject([...roles, role('deny', { deny: extra.deny })]),
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
    expect(clusterAccess(subject([]), dev)).toMatchObject({ effect: 'deny', by: null })
  })
})

describe('decideRequest()', () => {
  const access = clusterAccess(
    subject([
      role('r', {
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
      subject([
        role('r', { allow: { kubernetes_labels: { '*': '*' }, kubernetes_users: ['a', 'b'] } }),
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

describe('expandTemplate()', () => {
  const traits = {
    groups: ['a', 'b'],
    email: ['dave.smith@example.com', 'nobody'],
    kubernetes_groups: ['k'],
    odd: ['x\r\ny', ''],
  }
  it.each([
    ['plain', ['plain']],
    ['{{external.groups}}', ['a', 'b']],
    ['team-{{external.groups}}-x', ['team-a-x', 'team-b-x']],
    ['{{internal.kubernetes_groups}}', ['k']],
    ['{{external.missing}}', []],
    ['{{external.constructor}}', []],
    ['{{ external.groups }}', ['a', 'b']],
    ['{{external["groups"]}}', ['a', 'b']],
    ['{{email.local(external.email)}}', ['dave.smith']],
    ['{{regexp.replace(external.email, "^(.*)@example.com$", "$1")}}', ['dave.smith']],
    ['{{external.odd}}', []],
  ])('expands %s', (text, expected) => {
    expect(expandTemplate(text, traits)).toEqual(expected)
  })

  it('does not expand what came out of a trait', () => {
    expect(
      expandTemplate('{{external.groups}}', { groups: ['{{external.other}}'], other: ['x'] }),
    ).toEqual(['{{external.other}}'])
  })

  it.each([
    '{{external}}',
    '{{internal.unknown}}',
    '{{a.b}}',
    '{{external.a}} {{external.b}}',
    '{{',
    '}}',
    '{{regexp.replace(external.a, "(", "")}}',
  ])('refuses %s', (text) => expect(() => parseTemplate(text)).toThrow())
})

describe('parseRole()', () => {
  it.each(['v3', 'v4', 'v5', 'v7', 'v8'])('reads %s', (version) => {
    expect(
      role(
        'r',
        {
          allow: {
            kubernetes_groups: ['system:masters', '{{external.trait_name}}'],
            logins: ['{{email.local(external.email)}}'],
          },
        },
        version,
      ),
    ).toMatchObject({ version })
  })

  it('reaches every cluster in v3 without labels, and none since v4', () => {
    expect(
      clusterAccess(subject([role('r', { allow: { kubernetes_groups: ['g'] } }, 'v3')]), dev)
        .effect,
    ).toBe('allow')
    expect(
      clusterAccess(subject([role('r', { allow: { kubernetes_groups: ['g'] } }, 'v4')]), dev)
        .effect,
    ).toBe('deny')
  })

  it.each<[string, Spec, string, string]>([
    [
      'narrow resources',
      {
        allow: { kubernetes_resources: [{ kind: 'pod', namespace: 'a', name: '*', verbs: ['*'] }] },
      },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    [
      'no verbs in v7',
      { allow: { kubernetes_resources: [{ kind: '*', namespace: '*', name: '*' }] } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    ['an empty list', { allow: { kubernetes_resources: [] } }, 'v7', 'ROLE_NOT_ENFORCEABLE'],
    ['v6 without resources', { allow: {} }, 'v6', 'ROLE_NOT_ENFORCEABLE'],
    [
      'denied resources',
      { deny: { kubernetes_resources: [{ kind: '*', namespace: '*', name: '*' }] } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    [
      'a label expression',
      { allow: { kubernetes_labels_expression: 'x' } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    ['pin_source_ip', { options: { pin_source_ip: true } }, 'v7', 'ROLE_NOT_ENFORCEABLE'],
    [
      'per-session MFA',
      { options: { require_session_mfa: 'hardware_key' } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    ['an idle timeout', { options: { client_idle_timeout: '5m' } }, 'v7', 'ROLE_NOT_ENFORCEABLE'],
    [
      'a where clause',
      { allow: { rules: [{ resources: ['user'], verbs: ['list'], where: 'x' }] } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    ['an unknown field', { allow: { kubernets_groups: ['a'] } }, 'v7', 'ROLE_INVALID'],
    ['an unknown option', { options: { max_session_tll: '1h' } }, 'v7', 'ROLE_INVALID'],
    ['a bad duration', { options: { max_session_ttl: '1 hour' } }, 'v7', 'ROLE_INVALID'],
    ['a bad regex', { allow: { kubernetes_labels: { env: '^($' } } }, 'v7', 'ROLE_INVALID'],
    [
      'a star with another value',
      { allow: { kubernetes_labels: { '*': 'x' } } },
      'v7',
      'ROLE_INVALID',
    ],
    ['an unknown version', {}, 'v9', 'ROLE_INVALID'],
    ['a template that is none', { allow: { kubernetes_groups: ['{{x}}'] } }, 'v7', 'ROLE_INVALID'],
    ['a control character', { allow: { kubernetes_groups: ['a\r\nb'] } }, 'v7', 'ROLE_INVALID'],
  ])('refuses %s', (_what, spec, version, code) => {
    expect(() => role('r', spec, version)).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    ['v7', [{ kind: '*', namespace: '*', name: '*', verbs: ['*'] }]],
    ['v8', [{ kind: '*', api_group: '*', namespace: '*', name: '*', verbs: ['*'] }]],
    ['v5', [{ kind: 'pod', namespace: '*', name: '*' }]],
    ['v6', [{ kind: 'pod', namespace: '*', name: '*', verbs: ['*'] }]],
  ])('takes resources of %s that mean everything', (version, kubernetes_resources) => {
    expect(role('r', { allow: { kubernetes_resources } }, version).name).toBe('r')
  })

  it('reads its own presets', () => {
    expect(presetRoles().map((preset) => parseRole(preset).name)).toEqual([
      'access',
      'editor',
      'auditor',
      'admin',
    ])
  })
})

describe('decideApi()', () => {
  const editor = role('editor', {
    allow: { rules: [{ resources: ['role'], verbs: ['list', 'read'] }] },
  })
  const none = role('none', { deny: { rules: [{ resources: ['role'], verbs: ['*'] }] } })
  it('needs a rule for resource and verb', () => {
    expect(decideApi(subject([editor]), 'role', 'list').effect).toBe('allow')
    expect(decideApi(subject([editor]), 'role', 'create').effect).toBe('deny')
    expect(decideApi(subject([editor]), 'user', 'list').effect).toBe('deny')
  })
  it('lets deny win', () => {
    expect(decideApi(subject([editor, none]), 'role', 'list')).toMatchObject({
      effect: 'deny',
      by: { role: 'none' },
    })
  })
})

describe('sessionTtl()', () => {
  it('takes the shortest limit and names its role', () => {
    const roles = [
      role('a', { options: { max_session_ttl: '10h' } }),
      role('b', { options: { max_session_ttl: '8h' } }),
      role('c', {}),
    ]
    expect(sessionTtl(roles, 8760 * 3_600_000)).toEqual({ ttlMs: 8 * 3_600_000, cappedBy: 'b' })
    expect(sessionTtl(roles, 1000)).toEqual({ ttlMs: 1000, cappedBy: null })
  })
})

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
    ['a', role('a', {})],
    ['b', role('b', {})],
    ['c', role('c', {})],
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
