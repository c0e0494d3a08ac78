import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import { chooseStore, type IdentityStore } from '../../../src/member/index.ts'
import { KubeClient } from '../../support/kube-client.ts'

const NAMESPACE = 'teleport'
const SECRETS = `/api/v1/namespaces/${NAMESPACE}/secrets`

describe('an identity in a Secret', () => {
  let stack: AsyncDisposableStack
  let demo: DemoCluster
  let admin: KubeClient
  let account: string
  const env = (pod: string): Record<string, string> => ({
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(demo.port),
    KUBE_NAMESPACE: NAMESPACE,
    TELEPORT_REPLICA_NAME: pod,
  })
  const storeOf = (pod: string): IdentityStore => chooseStore(env(pod), '/nowhere', account)
  /** As the chart does: create on all, the rest by name. */
  const allow = async (pods: readonly string[]): Promise<void> => {
    const metadata = { name: 'state', namespace: NAMESPACE }
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const rules = [
      { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
      {
        apiGroups: [''],
        resources: ['secrets'],
        resourceNames: pods.map((pod) => `${pod}-state`),
        verbs: ['get', 'update', 'patch'],
      },
    ]
    await admin.post(`${rbac}/roles`, { apiVersion, kind: 'Role', metadata, rules })
    await admin.post(`${rbac}/rolebindings`, {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'state' },
      subjects: [{ kind: 'ServiceAccount', name: 'teleport-serviceaccount', namespace: NAMESPACE }],
    })
  }
  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    admin = stack.use(await KubeClient.open(demo.kubeconfig()))
    account = await mkdtemp(join(tmpdir(), 'teleport-account-'))
    stack.defer(() => rm(account, { recursive: true, force: true }))
    await writeFile(join(account, 'token'), `${demo.token}\n`)
    await writeFile(join(account, 'ca.crt'), demo.certificateAuthorityPem)
    await allow(['agent-0', 'agent-1'])
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  it('is created, read and replaced, under the name of the pod', async () => {
    const store = storeOf('agent-0')
    expect(store.place).toBe('Secret teleport/agent-0-state')
    expect(await store.load()).toBeNull()
    await store.save('first')
    expect(await store.load()).toBe('first')
    await store.save('second')
    expect(await storeOf('agent-0').load()).toBe('second')
    expect(await storeOf('agent-1').load()).toBeNull()
  })

  it('leaves what others wrote into the Secret', async () => {
    const name = 'agent-1-state'
    await admin.post(SECRETS, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: NAMESPACE, labels: { team: 'blue' } },
      data: { other: Buffer.from('x').toString('base64') },
    })
    await storeOf('agent-1').save('mine')
    const { body } = await admin.get(`${SECRETS}/${name}`)
    expect(body.metadata.labels).toEqual({
      team: 'blue',
      'app.kubernetes.io/managed-by': 'teleport',
    })
    expect(Object.keys(body.data).sort()).toEqual(['identity.json', 'other'])
  })

  it('says which right is missing, and nothing of the content', async () => {
    const error = await storeOf('foreign-0')
      .load()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'MEMBER_STATE_UNAVAILABLE' })
    expect(String(error)).toContain('cannot read Secret teleport/foreign-0-state: 403')
    expect(String(error)).toContain('get, create and update')
  })

  it('says that the API server does not answer', async () => {
    const store = chooseStore(
      { ...env('agent-0'), KUBERNETES_SERVICE_PORT: '1' },
      '/nowhere',
      account,
    )
    await expect(store.save('x')).rejects.toMatchObject({ code: 'MEMBER_STATE_UNAVAILABLE' })
  })

  it.each(['KUBERNETES_SERVICE_HOST', 'KUBE_NAMESPACE', 'TELEPORT_REPLICA_NAME'])(
    'is a file where %s is not told',
    (name) => {
      const { [name]: _, ...rest } = env('agent-0')
      expect(chooseStore(rest, '/data', account).place).toBe('/data/member-identity.json')
    },
  )
})
