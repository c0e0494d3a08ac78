import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { serviceAccountGroups } from './service-account.ts'

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/)

describe('serviceAccountGroups()', () => {
  it('are those of all accounts, and of all in the namespace', () => {
    expect(serviceAccountGroups('system:serviceaccount:ci:deployer')).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:ci',
    ])
  })

  it.each([
    ['a person', 'joe'],
    ['a component', 'system:kube-scheduler'],
    ['the prefix alone', 'system:serviceaccount:'],
    ['a namespace alone', 'system:serviceaccount:ci'],
    ['no namespace', 'system:serviceaccount::deployer'],
    ['no name', 'system:serviceaccount:ci:'],
    ['three parts', 'system:serviceaccount:ci:deployer:x'],
    ['another case', 'System:ServiceAccount:ci:deployer'],
    ['a namespace with a dot', 'system:serviceaccount:ci.x:deployer'],
    ['a namespace in capitals', 'system:serviceaccount:CI:deployer'],
    ['a namespace with a comma', 'system:serviceaccount:ci,system\\:masters:deployer'],
    ['a namespace of 64', `system:serviceaccount:${'a'.repeat(64)}:deployer`],
    ['a name of 254', `system:serviceaccount:ci:${'a'.repeat(254)}`],
    ['a name with two dots', 'system:serviceaccount:ci:a..b'],
    ['a line break at the end', 'system:serviceaccount:ci:deployer\n'],
  ])('are none for %s', (_what, user) => {
    expect(serviceAccountGroups(user)).toEqual([])
  })

  it('takes the longest names that Kubernetes takes', () => {
    const namespace = 'a'.repeat(63)
    expect(serviceAccountGroups(`system:serviceaccount:${namespace}:${'b'.repeat(253)}`)).toEqual([
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
    ])
  })

  it('never are those of another namespace', () => {
    fc.assert(
      fc.property(label, label, (namespace, name) => {
        expect(serviceAccountGroups(`system:serviceaccount:${namespace}:${name}`)).toEqual([
          'system:serviceaccounts',
          `system:serviceaccounts:${namespace}`,
        ])
      }),
    )
  })

  it('gives nothing but these two, whatever the name', () => {
    const any = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((text) => `system:serviceaccount:${text}`),
      fc.tuple(fc.string(), fc.string()).map((parts) => `system:serviceaccount:${parts.join(':')}`),
    )
    fc.assert(
      fc.property(any, (user) => {
        for (const group of serviceAccountGroups(user)) {
          expect(group).toMatch(/^system:serviceaccounts(:[a-z0-9][-a-z0-9]*)?$/)
        }
      }),
    )
  })
})
