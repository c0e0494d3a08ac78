import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DynamicKubeClusters } from '../../../src/api/index.ts'
import type { GenericEvent } from '../../../src/audit/index.ts'
import { createSecretCipher } from '../../../src/ca/index.ts'
import { ApiClient, type ApiConnection } from '../../../src/client/index.ts'
import {
  type BodyOf,
  type KubeClusterWrite,
  type KubeMatchers,
  MEMBER_KUBECONFIGS_BYTES,
  type ResponseOf,
} from '../../../src/contract/index.ts'
import { type Clock, type Logger, silentLogger } from '../../../src/core/index.ts'
import { TestApi } from './support/test-api.ts'

const EVERY: KubeMatchers = [{ labels: { '*': '*' } }]
const SECRET = 's3cr3t-token-of-a-cluster'

const kubeconfig = (token = SECRET, server = 'https://10.0.0.1:6443'): string => `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "${server}", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: ${token}}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`

const cluster = (
  name: string,
  labels: Record<string, string> = {},
  rest: {
    readonly metadata?: Partial<KubeClusterWrite['metadata']>
    readonly spec?: KubeClusterWrite['spec']
  } = {},
): KubeClusterWrite => ({
  kind: 'kube_cluster',
  version: 'v3',
  metadata: { name, labels, ...rest.metadata },
  spec: rest.spec ?? { kubeconfig: kubeconfig() },
})

describe('dynamic clusters', () => {
  let api: TestApi
  let admin: ApiClient
  let aheadMs: number
  const clock: Clock = { now: () => Date.now() + aheadMs }
  beforeEach(async () => {
    aheadMs = 0
    api = await TestApi.start({ clock })
    admin = new ApiClient(await api.admin())
  })
  afterEach(async () => {
    admin[Symbol.dispose]()
    await api[Symbol.asyncDispose]()
  })

  const create = (body: KubeClusterWrite): Promise<ResponseOf<'kube_clusters.create'>> =>
    admin.call('kube_clusters.create', { body })
  const names = async (client = admin): Promise<string[]> =>
    (await client.call('kube_clusters.list', {})).items.map(({ metadata }) => metadata.name)
  const agent = async (
    hostId: string,
    kubeResources: KubeMatchers = EVERY,
    lineage = `token-of-${hostId}`,
  ): Promise<ApiClient> => {
    const connection: ApiConnection = await api.member(hostId, lineage)
    const record = await api.joining.members.find(hostId)
    if (record === null) throw new Error('it did not join')
    await api.joining.members.enter({ ...record, kubeResources })
    return new ApiClient(connection)
  }
  const given = async (
    client: ApiClient,
    resources: KubeMatchers = EVERY,
    have: string[] = ['1'],
  ): Promise<ResponseOf<'member.kube_clusters'>> =>
    client.call('member.kube_clusters', { body: { resources, have } })
  const beat = (name: string, dynamic: boolean): BodyOf<'member.heartbeat'> => ({
    version: '1.0.0',
    address: null,
    clusters: [
      {
        name,
        labels: { env: 'what the service says' },
        unknown_labels: [],
        health: 'healthy',
        problem: null,
        since: new Date().toISOString(),
        kubernetes_version: null,
        dynamic,
      },
    ],
  })

  it('are created, read, changed and deleted, without their kubeconfig in an answer', async () => {
    const made = await create(cluster('west', { env: 'prod' }))
    expect(made).toMatchObject({
      metadata: { name: 'west', labels: { env: 'prod', 'teleport.dev/origin': 'dynamic' } },
      spec: { server: 'https://10.0.0.1:6443' },
      status: { online: false, health: 'offline', services: 0 },
    })
    await expect(create(cluster('west'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    const read = await admin.call('kube_clusters.read', { params: { name: 'west' } })
    expect(read).toEqual(made)
    const changed = await admin.call('kube_clusters.upsert', {
      params: { name: 'west' },
      body: { ...cluster('west', { env: 'dev' }), spec: {} },
    })
    expect(changed.metadata.labels['env']).toBe('dev')
    expect(
      JSON.stringify([made, changed, await admin.call('kube_clusters.list', {})]),
    ).not.toContain(SECRET)
    expect(api.dynamicClusters.kubeconfigOf('west')).toBe(kubeconfig())
    await admin.call('kube_clusters.delete', { params: { name: 'west' } })
    expect(await names()).toEqual([])
    await expect(
      admin.call('kube_clusters.delete', { params: { name: 'west' } }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('an edit of what somebody else changed in between is refused', async () => {
    const { metadata } = await create(cluster('west'))
    const body = cluster('west', {}, { metadata: { revision: metadata.revision ?? '' } })
    const write = (): Promise<unknown> =>
      admin.call('kube_clusters.upsert', { params: { name: 'west' }, body })
    await write()
    await expect(write()).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  it('kubeconfigs are told to who may change them, and that is audited', async () => {
    await create(cluster('west', { env: 'prod' }))
    const query = { with_secrets: true }
    const told = await admin.call('kube_clusters.list', { query })
    expect(told.items[0]?.spec?.kubeconfig).toBe(kubeconfig())
    expect(api.events.at(-1)).toMatchObject({ event: 'kube.read', names: ['west'] })
    using auditor = new ApiClient(await api.as('eve', ['auditor']))
    await expect(auditor.call('kube_clusters.list', { query })).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    })
    await expect(
      auditor.call('kube_clusters.read', { params: { name: 'west' }, query }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
    using editor = new ApiClient(await api.as('bob', ['editor']))
    expect((await editor.call('kube_clusters.list', { query })).items).toHaveLength(1)
  })

  it('however many kubeconfigs a page has, the audit log names each', async () => {
    const every = Array.from({ length: 120 }, (_, index) => `c-${String(index).padStart(3, '0')}`)
    for (const name of every) await create(cluster(name))
    const query = { with_secrets: true }
    expect((await admin.call('kube_clusters.list', { query })).items).toHaveLength(120)
    const told = api.events.filter(({ event }) => event === 'kube.read')
    expect(told.map((event) => (event as GenericEvent & { names: string[] }).names)).toEqual([
      every.slice(0, 50),
      every.slice(50, 100),
      every.slice(100),
    ])
  })

  it('are seen by who reaches them or may change them, and by nobody else', async () => {
    await create(cluster('west', { env: 'prod' }))
    using reader = new ApiClient(await api.as('eve', ['auditor']))
    using editor = new ApiClient(await api.as('bob', ['editor']))
    expect(await names(reader)).toEqual([])
    expect(await names(editor)).toEqual(['west'])
  })

  it('lie in storage with their kubeconfig sealed, and no event has it', async () => {
    await create(cluster('west'))
    await admin.call('kube_clusters.upsert', { params: { name: 'west' }, body: cluster('west') })
    const { items } = await api.backend.list('kube_clusters')
    expect(items).toHaveLength(1)
    expect(JSON.stringify(items)).not.toContain(SECRET)
    expect(JSON.stringify(api.events)).not.toContain(SECRET)
    const changes = (api.events as GenericEvent[]).filter(({ event }) => event.startsWith('kube.'))
    expect(changes.map(({ event, code, outcome }) => [event, code, outcome])).toEqual([
      ['kube.create', 'T3010I', 'started'],
      ['kube.create', 'T3010I', 'done'],
      ['kube.update', 'T3011I', 'started'],
      ['kube.update', 'T3011I', 'done'],
    ])
    expect(changes[0]).toMatchObject({ name: 'west', updated_by: '@admin', expires: null })
  })

  it.each<[string, Parameters<typeof cluster>[2], string]>([
    ['nothing', { spec: {} }, 'spec.kubeconfig: is missing'],
    ['no kubeconfig', { spec: { kubeconfig: 'kind: Secret' } }, 'kind: is Secret, wanted Config'],
    [
      'a program',
      {
        spec: {
          kubeconfig: kubeconfig().replace(
            `token: ${SECRET}`,
            'exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}',
          ),
        },
      },
      'would run a program on the machine of the kubernetes service',
    ],
    [
      'a file',
      { spec: { kubeconfig: kubeconfig().replace(`token: ${SECRET}`, 'tokenFile: /etc/shadow') } },
      'would read a file on the machine of the kubernetes service',
    ],
    [
      'a server without TLS',
      { spec: { kubeconfig: kubeconfig(SECRET, 'http://169.254.169.254') } },
      'server: must be an https:// URL',
    ],
    [
      'a key that is none',
      {
        spec: {
          kubeconfig: kubeconfig().replace(
            `token: ${SECRET}`,
            'client-certificate-data: QUJD, client-key-data: QUJD',
          ),
        },
      },
      'its certificates or its key cannot be used',
    ],
    ['a time that has passed', { metadata: { expires: '2020-01-01T00:00:00Z' } }, 'has passed'],
    ['a time that is none', { metadata: { expires: 'soon' } }, 'is not a time'],
    [
      'another origin',
      { metadata: { labels: { 'teleport.dev/origin': 'config-file' } } },
      'teleport.dev/origin is "dynamic"',
    ],
  ])('%s is refused in words that do not repeat secrets', async (_, rest, words) => {
    const refused = create(cluster('west', {}, rest))
    await expect(refused).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining(words) as string,
    })
    await expect(refused).rejects.not.toMatchObject({
      message: expect.stringContaining(SECRET) as string,
    })
    expect(await names()).toEqual([])
  })

  it('a kubeconfig may be in base64', async () => {
    const base64 = Buffer.from(kubeconfig()).toString('base64')
    await create(cluster('west', {}, { spec: { kubeconfig: base64 } }))
    expect(api.dynamicClusters.kubeconfigOf('west')).toBe(kubeconfig())
  })

  it('have no name that agents own, and agents claim none of theirs', async () => {
    using one = await agent('00000000-0000-4000-8000-000000000001')
    const serve = async (name: string, dynamic = false): Promise<string | undefined> =>
      (await one.call('member.heartbeat', { body: beat(name, dynamic) })).refused[0]?.message
    expect(await serve('east')).toBeUndefined()
    await expect(create(cluster('east'))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('tctl rm kube_server/east') as string,
    })
    await create(cluster('west'))
    expect(await serve('west')).toContain('tctl rm kube_cluster/west')
    expect(await serve('west', true)).toBeUndefined()
    expect(await serve('nowhere', true)).toContain('is no kube_cluster resource')
  })

  it('are given to agents as their own matchers and their join token say, whatever they claim', async () => {
    await create(cluster('prod', { env: 'prod' }))
    await create(cluster('dev', { env: 'dev' }))
    using every = await agent('00000000-0000-4000-8000-000000000001')
    using dev = await agent('00000000-0000-4000-8000-000000000002', [
      { labels: { env: ['dev', 'test'] } },
    ])
    using none = await agent('00000000-0000-4000-8000-000000000003', [])
    const told = async (client: ApiClient, resources?: KubeMatchers): Promise<string[]> =>
      (await given(client, resources)).clusters.map(({ name }) => name)
    expect(await told(every)).toEqual(['dev', 'prod'])
    expect(await told(every, [{ labels: { env: '^pr.*$' } }])).toEqual(['prod'])
    expect(await told(dev)).toEqual(['dev'])
    expect(await told(dev, [{ labels: { env: 'prod' } }])).toEqual([])
    expect((await given(dev)).withheld).toBe(1)
    expect(await given(none)).toEqual({ clusters: [], withheld: 2 })
    // Nor does it get a certificate for one, nor is it believed that it serves one.
    const { refused } = await dev.call('member.heartbeat', { body: beat('prod', true) })
    expect(refused.map(({ name }) => name)).toEqual(['prod'])
    await expect(given(every, [{ labels: {} }])).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('an agent that knows everything hears at once of what is kept from it', async () => {
    await create(cluster('prod', { env: 'prod' }))
    using none = await agent('00000000-0000-4000-8000-000000000003', [])
    const body = { resources: EVERY, have: [], withheld: 0 }
    expect(await none.call('member.kube_clusters', { body })).toEqual({ clusters: [], withheld: 1 })
  })

  it('a proxy is given none', async () => {
    const connection = await api.member('00000000-0000-4000-8000-000000000009', 't', ['proxy'])
    using proxy = new ApiClient(connection)
    await expect(given(proxy)).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('an agent waits for news, and gets again only what it lacks', async () => {
    const { metadata } = await create(cluster('west'))
    using one = await agent('00000000-0000-4000-8000-000000000001')
    const first = await given(one)
    expect(first.clusters).toMatchObject([{ name: 'west', kubeconfig: kubeconfig() }])
    const waiting = given(one, EVERY, [metadata.revision ?? ''])
    await create(cluster('east'))
    const { clusters } = await waiting
    expect(clusters.map(({ name, kubeconfig: text }) => [name, text === null])).toEqual([
      ['east', false],
      ['west', true],
    ])
  })

  it('one answer holds so many bytes of kubeconfigs, and the others come with the next', async () => {
    const each = 200_000
    const count = Math.ceil(MEMBER_KUBECONFIGS_BYTES / each) + 2
    const spec = { kubeconfig: kubeconfig('x'.repeat(each)) }
    const all = Array.from({ length: count }, (_, index) => `c-${index + 100}`)
    for (const name of all) await create(cluster(name, {}, { spec }))
    using one = await agent('00000000-0000-4000-8000-000000000001')
    const came: string[] = []
    const have: string[] = []
    for (const fits of [count - 2, 2]) {
      const { clusters } = await given(one, EVERY, have)
      expect(clusters.map(({ name }) => name)).toEqual(all)
      const whole = clusters.filter(({ kubeconfig: text }) => text !== null)
      expect(whole).toHaveLength(fits)
      came.push(...whole.map(({ name }) => name))
      have.push(...whole.map(({ revision }) => revision))
    }
    expect(came).toEqual(all)
  })

  it('an agent is not given what nobody can read any more, waits, and the log says it once', async () => {
    await create(cluster('east'))
    const { metadata } = await create(cluster('west'))
    const foreign = createSecretCipher(Buffer.alloc(32, 8))
    const logged: string[] = []
    const log: Logger = { ...silentLogger, error: (_fields, message) => void logged.push(message) }
    const { backend } = api
    await using unreadable = await DynamicKubeClusters.open({
      backend,
      cipher: foreign,
      clock,
      log,
    })
    expect([1, 2, 3].map(() => unreadable.kubeconfigOf('west'))).toEqual([null, null, null])
    expect(logged).toHaveLength(1)

    const key = 'kube_clusters/west'
    const item = await backend.get(key)
    if (item === null) throw new Error('it is not in storage')
    await backend.put({
      key,
      value: item.value.replace(/"sealed_kubeconfig":"[^"]*"/, '"sealed_kubeconfig":"broken"'),
    })
    await expect.poll(() => api.dynamicClusters.kubeconfigOf('west')).toBeNull()
    using one = await agent('00000000-0000-4000-8000-000000000001')
    const first = await given(one, EVERY, [])
    expect(first.clusters.map(({ name }) => name)).toEqual(['east'])
    const have = first.clusters.map(({ revision }) => revision)
    expect(have).not.toContain(metadata.revision)
    // Whoever has all that there is waits for news: this is answered because of another one alone.
    const waiting = given(one, EVERY, have)
    await create(cluster('north'))
    expect((await waiting).clusters.map(({ name }) => name)).toEqual(['east', 'north'])
  })

  it('what a service says of labels counts for nothing', async () => {
    await create(cluster('west', { env: 'prod' }))
    using one = await agent('00000000-0000-4000-8000-000000000001')
    await one.call('member.heartbeat', { body: beat('west', true) })
    const { items } = await admin.call('kube_clusters.list', {})
    expect(items).toMatchObject([
      { metadata: { name: 'west', labels: { env: 'prod' } }, status: { online: true } },
    ])
  })

  it('once deleted, are on no list, while what was done there may still be told', async () => {
    const hostId = '00000000-0000-4000-8000-000000000001'
    await create(cluster('west'))
    using one = await agent(hostId)
    await one.call('member.heartbeat', { body: beat('west', true) })
    await admin.call('kube_clusters.delete', { params: { name: 'west' } })
    expect(await names()).toEqual([])
    expect(await api.kubeClusters.announced(hostId, 'west')).toBe(true)
    // An agent that has not heard of it takes the name for nobody.
    const { refused } = await one.call('member.heartbeat', { body: beat('west', true) })
    expect(refused.map(({ name }) => name)).toEqual(['west'])
    expect(await api.joining.names.owner('west')).toBeNull()
  })

  it('end when their time is over', async () => {
    const expires = new Date(clock.now() + 60_000).toISOString()
    await create(cluster('west', {}, { metadata: { expires } }))
    expect(await names()).toEqual(['west'])
    aheadMs = 60_001
    expect(await names()).toEqual([])
    expect(api.dynamicClusters.kubeconfigOf('west')).toBeNull()
    using one = await agent('00000000-0000-4000-8000-000000000001')
    expect((await given(one)).clusters).toEqual([])
  })

  it('a token says which of them its agents may have', async () => {
    const made = await admin.call('tokens.create', {
      body: { services: ['kube'], kube_resources: [{ labels: { env: 'dev' } }] },
    })
    expect(made.resource.spec.kube_resources).toEqual([{ labels: { env: 'dev' } }])
    await expect(
      admin.call('tokens.create', {
        body: { services: ['kube'], kube_resources: [{ labels: {} }] },
      }),
    ).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })
})
