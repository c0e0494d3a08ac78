import { beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../json.ts'
import { Store } from '../store/store.ts'
import { type Attributes, authorize } from './authorize.ts'
import { judgeEscalation } from './escalation.ts'
import { type ImpersonationHeaders, impersonate } from './impersonate.ts'

const RBAC = 'rbac.authorization.k8s.io'
let store: Store
beforeEach(() => {
  store = new Store(0)
})

const put = (resource: string, name: string, object: JsonObject, namespace = ''): void =>
  void store.create(`${resource}.${RBAC}`, {
    metadata: { name, ...(namespace === '' ? {} : { namespace }) },
    ...object,
  })
const bind = (role: string, subject: JsonObject, namespace = ''): void =>
  put(
    namespace === '' ? 'clusterrolebindings' : 'rolebindings',
    `b-${role}`,
    { roleRef: { kind: 'ClusterRole', name: role }, subjects: [subject] },
    namespace,
  )
const asked = (change: Partial<Extract<Attributes, { kind: 'resource' }>> = {}): Attributes => ({
  kind: 'resource',
  verb: 'get',
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: 'n',
  name: 'x',
  ...change,
})
const joe = { user: 'joe', groups: ['devs'] }
const rule = (change: JsonObject = {}): JsonObject => ({
  rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], ...change }],
})

describe('RBAC', () => {
  it('denies what no binding gives, and superusers nothing', () => {
    expect(authorize(store, joe, asked()).allowed).toBe(false)
    expect(authorize(store, { user: 'x', groups: ['system:masters'] }, asked()).allowed).toBe(true)
  })

  it.each([
    ['a user', { kind: 'User', name: 'joe' }, true],
    ['another user', { kind: 'User', name: 'devs' }, false],
    ['a group', { kind: 'Group', name: 'devs' }, true],
    ['an account of another kind', { kind: 'ServiceAccount', name: 'joe', namespace: 'n' }, false],
  ])('of %s', (_what, subject, allowed) => {
    put('clusterroles', 'r', rule())
    bind('r', subject)
    expect(authorize(store, joe, asked()).allowed).toBe(allowed)
  })

  it('knows service accounts by their name as a user', () => {
    put('clusterroles', 'r', rule())
    bind('r', { kind: 'ServiceAccount', name: 'a', namespace: 'n' })
    const account = { user: 'system:serviceaccount:n:a', groups: [] }
    expect(authorize(store, account, asked())).toEqual({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "b-r" of ClusterRole "r" to ServiceAccount "a/n"',
    })
  })

  it('in a namespace ends there', () => {
    put('clusterroles', 'r', rule())
    bind('r', { kind: 'User', name: 'joe' }, 'n')
    expect(authorize(store, joe, asked()).allowed).toBe(true)
    expect(authorize(store, joe, asked({ namespace: 'other' })).allowed).toBe(false)
    expect(authorize(store, joe, asked({ namespace: '' })).allowed).toBe(false)
  })

  it.each([
    [{}, asked({ subresource: 'exec' }), false],
    [{ resources: ['pods/exec'] }, asked({ subresource: 'exec' }), true],
    [{ resources: ['pods/exec'] }, asked(), false],
    [{ resources: ['*/scale'] }, asked({ subresource: 'scale' }), true],
    [{ resources: ['*'] }, asked({ subresource: 'exec' }), true],
    [{ verbs: ['*'] }, asked({ verb: 'delete' }), true],
    [{ apiGroups: ['*'] }, asked({ group: 'apps' }), true],
    [{}, asked({ group: 'apps' }), false],
    [{ resourceNames: ['x'] }, asked(), true],
    [{ resourceNames: ['x'] }, asked({ name: 'y' }), false],
    [{ resourceNames: ['x'] }, asked({ name: '' }), false],
    [{ nonResourceURLs: ['/a/*'] }, { kind: 'path', verb: 'get', path: '/a/b' } as const, true],
    [{ nonResourceURLs: ['/a'] }, { kind: 'path', verb: 'get', path: '/a/b' } as const, false],
  ])('%j: %j is %s', (change, what, allowed) => {
    put('clusterroles', 'r', rule(change))
    bind('r', { kind: 'User', name: 'joe' })
    expect(authorize(store, joe, what).allowed).toBe(allowed)
  })

  it.each([
    ['less than he has', ['get'], true],
    ['more than he has', ['get', 'delete'], false],
    ['everything', ['*'], false],
  ])('lets nobody make a role with %s', (_what, verbs, allowed) => {
    put('clusterroles', 'r', rule())
    bind('r', { kind: 'User', name: 'joe' })
    const type = { group: RBAC, resource: 'roles', kind: 'Role' }
    const role = { metadata: { name: 'new' }, ...rule({ verbs }) }
    const judge = (): void => judgeEscalation(store, joe, type, role, 'n')
    if (allowed) expect(judge).not.toThrow()
    else expect(judge).toThrow('is attempting to grant RBAC permissions not currently held')
  })
})

describe('impersonation', () => {
  const nobody: ImpersonationHeaders = { user: null, groups: [], uid: null, extra: [] }
  beforeEach(() => {
    put(
      'clusterroles',
      'i',
      rule({ verbs: ['impersonate'], resources: ['users', 'groups', 'serviceaccounts'] }),
    )
    bind('i', { kind: 'User', name: 'joe' })
  })

  it('makes somebody else of the caller, who is authenticated', () => {
    expect(impersonate(store, joe, nobody)).toBe(joe)
    expect(impersonate(store, joe, { ...nobody, user: 'ann', groups: ['ops'] })).toEqual({
      user: 'ann',
      groups: ['ops', 'system:authenticated'],
    })
  })

  it('gives an account its groups', () => {
    expect(
      impersonate(store, joe, { ...nobody, user: 'system:serviceaccount:n:a' }).groups,
    ).toEqual(['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated'])
  })

  it.each([
    [{ ...nobody, groups: ['ops'] }, 400],
    [{ ...nobody, user: 'ann', uid: '1' }, 403],
    [{ ...nobody, user: 'ann', extra: [['scopes', 'x']] as const }, 403],
  ])('of %j is refused', (headers, code) => {
    expect(() => impersonate(store, joe, headers)).toThrow(expect.objectContaining({ code }))
  })

  it('is a right', () => {
    expect(() =>
      impersonate(store, { user: 'eve', groups: [] }, { ...nobody, user: 'joe' }),
    ).toThrow(
      'users "joe" is forbidden: User "eve" cannot impersonate resource "users" in API group "" at the cluster scope',
    )
  })
})
