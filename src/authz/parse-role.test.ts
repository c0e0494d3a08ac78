import { describe, expect, it } from 'vitest'
import { type RoleSpec, roleOf, subjectOf } from '../../test/support/roles.ts'
import { clusterAccess } from './cluster-access.ts'
import { parseRole } from './parse-role.ts'
import { presetRoles } from './presets.ts'

const dev = { name: 'd', labels: { env: 'dev' }, unknownLabels: [] }

describe('parseRole()', () => {
  it.each(['v3', 'v4', 'v5', 'v7', 'v8'])('reads %s', (version) => {
    expect(
      roleOf(
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
      clusterAccess(subjectOf([roleOf('r', { allow: { kubernetes_groups: ['g'] } }, 'v3')]), dev)
        .effect,
    ).toBe('allow')
    expect(
      clusterAccess(subjectOf([roleOf('r', { allow: { kubernetes_groups: ['g'] } }, 'v4')]), dev)
        .effect,
    ).toBe('deny')
  })

  it.each<[string, RoleSpec, string, string]>([
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
    [
      'per-session MFA',
      { options: { require_session_mfa: 'hardware_key' } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    [
      'a where clause',
      { allow: { rules: [{ resources: ['user'], verbs: ['list'], where: 'x' }] } },
      'v7',
      'ROLE_NOT_ENFORCEABLE',
    ],
    ['an unknown field', { allow: { kubernets_groups: ['a'] } }, 'v7', 'ROLE_INVALID'],
    ['an unknown option', { options: { max_session_tll: '1h' } }, 'v7', 'ROLE_INVALID'],
    ['a bad duration', { options: { max_session_ttl: '1 hour' } }, 'v7', 'ROLE_INVALID'],
    [
      'an idle timeout that is none',
      { options: { client_idle_timeout: 300 } },
      'v7',
      'ROLE_INVALID',
    ],
    ['a switch that is none', { options: { pin_source_ip: 'maybe' } }, 'v7', 'ROLE_INVALID'],
    ['a foreign lock mode', { options: { lock: 'strictest' } }, 'v7', 'ROLE_INVALID'],
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
    expect(() => roleOf('r', spec, version)).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    ['v7', [{ kind: '*', namespace: '*', name: '*', verbs: ['*'] }]],
    ['v8', [{ kind: '*', api_group: '*', namespace: '*', name: '*', verbs: ['*'] }]],
    ['v5', [{ kind: 'pod', namespace: '*', name: '*' }]],
    ['v6', [{ kind: 'pod', namespace: '*', name: '*', verbs: ['*'] }]],
  ])('takes resources of %s that mean everything', (version, kubernetes_resources) => {
    expect(roleOf('r', { allow: { kubernetes_resources } }, version).name).toBe('r')
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
