import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KubeAnswer, KubeClient } from '../../support/kube-client.ts'
import { fresh, itSince, type KubeApiTarget, makeNamespace } from './target.ts'

const RBAC = '/apis/rbac.authorization.k8s.io/v1'

export function describeAccess(target: KubeApiTarget, client: () => KubeClient): void {
  describe('access', () => {
    let ns: string
    const user = fresh('reader')
    const as = { user, groups: ['conformance-nobody'] }
    beforeAll(async () => {
      ns = await makeNamespace(client(), 'access')
      await client().post(`${RBAC}/namespaces/${ns}/rolebindings`, {
        metadata: { name: 'view' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
      })
    })
    afterAll(async () => {
      await client().delete(`/api/v1/namespaces/${ns}`)
    })
    const may = async (attributes: object): Promise<KubeAnswer> =>
      client().post(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        { spec: { resourceAttributes: attributes } },
        { as },
      )

    it('is by roles and bindings, in their namespace', async () => {
      expect((await client().get(`/api/v1/namespaces/${ns}/pods`, { as })).status).toBe(200)
      const everywhere = await client().get('/api/v1/pods', { as })
      expect([everywhere.status, everywhere.body.reason, everywhere.body.message]).toEqual([
        403,
        'Forbidden',
        `pods is forbidden: User "${user}" cannot list resource "pods" in API group "" at the cluster scope`,
      ])
      const secret = await client().get(`/api/v1/namespaces/${ns}/secrets/x`, { as })
      expect([secret.status, secret.body.message, secret.body.details]).toEqual([
        403,
        `secrets "x" is forbidden: User "${user}" cannot get resource "secrets" in API group "" in the namespace "${ns}"`,
        { name: 'x', kind: 'secrets' },
      ])
      const exec = await client().post(`/api/v1/namespaces/${ns}/pods/x/exec?command=sh`, '', {
        as,
      })
      expect(exec.body.message).toContain('cannot create resource "pods/exec" in API group ""')
      const scale = await client().patch(
        `/apis/apps/v1/namespaces/${ns}/deployments/x/scale`,
        'merge',
        {},
        { as },
      )
      expect(scale.body.message).toContain('deployments.apps "x" is forbidden: User')
      expect(scale.body.message).toContain(
        'cannot patch resource "deployments/scale" in API group "apps"',
      )
    })

    it('to paths is by rule too', async () => {
      const { status, body } = await client().get('/metrics', { as })
      expect([status, body.message]).toEqual([
        403,
        `forbidden: User "${user}" cannot get path "/metrics"`,
      ])
      expect((await client().get('/version', { as })).status).toBe(200)
    })

    it('is told to those who ask for themselves', async () => {
      const yes = await may({ namespace: ns, verb: 'list', resource: 'pods' })
      expect([yes.status, yes.body.status.allowed]).toEqual([201, true])
      expect(yes.body.status.reason).toContain('RBAC: allowed by RoleBinding')
      const no = await may({ namespace: ns, verb: 'delete', resource: 'pods' })
      expect(no.body.status.allowed).toBe(false)
      const rules = await client().post(
        '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
        { spec: { namespace: ns } },
        { as },
      )
      expect(rules.body.status.incomplete).toBe(false)
      const readsPods = rules.body.status.resourceRules.some(
        (rule: { resources: string[]; verbs: string[] }) =>
          rule.resources.includes('pods') && rule.verbs.includes('list'),
      )
      expect(readsPods).toBe(true)
    })

    itSince(target, 28)('comes with a name that is told', async () => {
      const { body } = await client().post(
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
        { as },
      )
      expect(body.status.userInfo).toMatchObject({
        username: user,
        groups: ['conformance-nobody', 'system:authenticated'],
      })
    })

    it('is not given on by those who have it not', async () => {
      await client().post(`${RBAC}/namespaces/${ns}/roles`, {
        metadata: { name: 'maker' },
        rules: [
          {
            apiGroups: ['rbac.authorization.k8s.io'],
            resources: ['roles', 'rolebindings'],
            verbs: ['create'],
          },
        ],
      })
      await client().post(`${RBAC}/namespaces/${ns}/rolebindings`, {
        metadata: { name: 'maker' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'maker' },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
      })
      const role = (verbs: string[]): object => ({
        metadata: { name: fresh('made') },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
      })
      const path = `${RBAC}/namespaces/${ns}/roles`
      let made: KubeAnswer
      // Bindings reach the authorizer of a real cluster a moment later.
      do made = await client().post(path, role(['get']), { as })
      while (made.status === 403 && made.body.message.includes('cannot create resource'))
      expect(made.status).toBe(201)
      const more = await client().post(path, role(['delete']), { as })
      expect(more.status).toBe(403)
      expect(more.body.message).toContain(
        'is attempting to grant RBAC permissions not currently held',
      )
      const bound = await client().post(
        `${RBAC}/namespaces/${ns}/rolebindings`,
        {
          metadata: { name: fresh('bound') },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
          subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
        },
        { as },
      )
      expect(bound.status).toBe(403)
    })

    it('roles are judged, and a binding keeps its role', async () => {
      const path = `${RBAC}/namespaces/${ns}/roles`
      const { status } = await client().post(path, {
        metadata: { name: 'empty' },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: [] }],
      })
      expect(status).toBe(422)
      const changed = await client().patch(`${RBAC}/namespaces/${ns}/rolebindings/view`, 'merge', {
        roleRef: { name: 'edit' },
      })
      expect([changed.status, changed.body.message.includes('cannot change roleRef')]).toEqual([
        422,
        true,
      ])
    })
  })
}
