import { Writable } from 'node:stream'
import {
  CoreV1Api,
  Exec,
  KubeConfig,
  makeInformer,
  type V1Pod,
  type V1Status,
} from '@kubernetes/client-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LogFields, type Logger, systemClock } from '../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { execOverWebSocket } from '../../support/kube-exec.ts'

const PATIENTLY = { timeout: 20_000, interval: 20 } as const
const PODS = '/api/v1/namespaces/demo/pods'

class Lines implements Logger {
  readonly lines: string[] = []
  debug(fields: LogFields, message: string): void {
    this.lines.push(JSON.stringify({ ...fields, message }))
  }
  info = this.debug
  warn = this.debug
  error = this.debug
  child(): Logger {
    return this
  }
}

describe('the demo cluster', () => {
  let log: Lines
  let demo: DemoCluster
  let client: KubeClient
  beforeEach(async () => {
    log = new Lines()
    demo = await openDemoCluster({ clock: systemClock, log })
    client = await KubeClient.open(demo.kubeconfig())
  })
  afterEach(async () => {
    client[Symbol.dispose]()
    await demo[Symbol.asyncDispose]()
    expect(log.lines.join('\n')).not.toContain(demo.token)
  })

  /** The phase of a pod, or of the first of several. */
  const phaseAt = async (path: string): Promise<string> => {
    const { body } = await client.get(path)
    return String((body.items?.[0] ?? body).status?.phase)
  }

  it('says that it is one, wherever somebody may look', async () => {
    expect((await client.get('/version')).body.gitVersion).toBe('v1.35.0+demo')
    const nodes = (await client.get('/api/v1/nodes')).body.items
    expect(nodes).toHaveLength(1)
    expect(nodes[0].metadata.name).toBe('demo')
    expect(nodes[0].status.nodeInfo.osImage).toContain('demo')
    for (const { metadata } of (await client.get('/api/v1/namespaces')).body.items) {
      expect(metadata.annotations['teleport.dev/demo']).toContain('held in memory')
    }
    const about = await client.get('/api/v1/namespaces/demo/configmaps/about')
    expect(about.body.data['README.txt']).toContain('demo cluster')
    await expect.poll(() => phaseAt(`${PODS}`), PATIENTLY).toBe('Running')
    const [pod] = (await client.get(PODS)).body.items
    expect((await client.get(`${PODS}/${pod.metadata.name}/log`)).text).toContain(
      'these lines are made up',
    )
  })

  it.each([
    ['no token', {}],
    ['another token', { Authorization: 'Bearer other' }],
    ['an empty one', { Authorization: 'Bearer ' }],
    ['a password', { Authorization: 'Basic YTpi' }],
  ])('answers nobody who has %s', async (_what, headers) => {
    const stranger = KubeClient.withCertificate(
      { host: '127.0.0.1', port: demo.port },
      { ca: demo.certificateAuthorityPem },
    )
    for (const path of ['/version', '/healthz', '/api/v1/pods', '/nonsense']) {
      const { status, body } = await stranger.get(path, {
        headers: headers,
      })
      expect([status, body.reason]).toEqual([401, 'Unauthorized'])
    }
    await expect(
      execOverWebSocket(stranger, 'v4.channel.k8s.io', {
        namespace: 'demo',
        pod: 'x',
        command: ['true'],
      }),
    ).rejects.toThrow('401')
    stranger[Symbol.dispose]()
  })

  it('takes no body above three megabytes, and serves on', async () => {
    const body = JSON.stringify({ metadata: { name: 'big' }, data: { x: 'x'.repeat(3_200_000) } })
    const { status } = await client.post('/api/v1/namespaces/demo/configmaps', body)
    expect(status).toBe(413)
    const large = JSON.stringify({ metadata: { name: 'big' }, data: { x: 'x'.repeat(1_600_000) } })
    expect((await client.post('/api/v1/namespaces/demo/configmaps', large)).status).toBe(413)
    expect((await client.get('/version')).status).toBe(200)
  })

  it('ends watches, logs and sessions when it is closed, and leaves no connection', async () => {
    await expect.poll(() => phaseAt(PODS), PATIENTLY).toBe('Running')
    const [pod] = (await client.get(PODS)).body.items
    const watch = client.watch(`${PODS}?watch=true`)
    await watch.until(() => true)
    const session = execOverWebSocket(client, 'v5.channel.k8s.io', {
      namespace: 'demo',
      pod: pod.metadata.name,
      command: ['sleep', 'infinity'],
    })
    await expect.poll(() => demo.connections, PATIENTLY).toBeGreaterThanOrEqual(2)
    await demo[Symbol.asyncDispose]()
    await watch.ended
    // Broken off, whether it had begun or not.
    expect(
      await session.then(
        ({ status }) => status,
        () => null,
      ),
    ).toBeNull()
    expect(demo.connections).toBe(0)
  })

  it('forgets nothing that a watcher needs, and says when it did', async () => {
    const { body } = await client.get(PODS)
    demo.compact()
    await client.post('/api/v1/namespaces/demo/configmaps', { metadata: { name: 'later' } })
    demo.compact()
    using watch = client.watch(
      `${PODS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`,
    )
    expect((await watch.until(() => true)).object.code).toBe(410)
  })

  it('gives a watcher everything first, and then says that this was all (watch-list)', async () => {
    using watch = client.watch(
      '/api/v1/namespaces?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    )
    const end = await watch.until(({ type }) => type === 'BOOKMARK')
    expect(end.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' })
    expect(watch.events.slice(0, -1).map(({ type }) => type)).toEqual(Array(5).fill('ADDED'))
  })

  it('runs a command of a pod that is not restarted, and keeps what it said', async () => {
    await client.post(PODS, {
      metadata: { name: 'once' },
      spec: {
        restartPolicy: 'Never',
        containers: [{ name: 'main', image: 'demo', command: ['sh', '-c', 'echo done; exit 4'] }],
      },
    })
    await expect.poll(() => phaseAt(`${PODS}/once`), PATIENTLY).toBe('Failed')
    const { body } = await client.get(`${PODS}/once`)
    expect(body.status.containerStatuses[0].state.terminated).toMatchObject({
      exitCode: 4,
      reason: 'Error',
    })
    expect((await client.get(`${PODS}/once/log`)).text).toBe('done\n')
  })

  describe('and the client library of JavaScript', () => {
    /** It knows `as`, and no `as-groups`. */
    async function config(): Promise<KubeConfig> {
      const subject = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'library' }
      await client.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        metadata: { name: 'library' },
        roleRef: {
          apiGroup: 'rbac.authorization.k8s.io',
          kind: 'ClusterRole',
          name: 'cluster-admin',
        },
        subjects: [subject],
      })
      const kube = new KubeConfig()
      kube.loadFromString(demo.kubeconfig({ user: 'library', groups: [] }))
      return kube
    }

    it('lists and watches', async () => {
      const kube = await config()
      const api = kube.makeApiClient(CoreV1Api)
      const seen = new Map<string, string>()
      const informer = makeInformer<V1Pod>(kube, PODS, () =>
        api.listNamespacedPod({ namespace: 'demo' }),
      )
      const note = (pod: V1Pod): void =>
        void seen.set(pod.metadata?.name ?? '', pod.status?.phase ?? '')
      informer.on('add', note)
      informer.on('update', note)
      informer.on('delete', (pod) => void seen.delete(pod.metadata?.name ?? ''))
      await informer.start()
      await expect.poll(() => [...seen.values()], PATIENTLY).toEqual(['Running', 'Running'])
      await api.createNamespacedPod({
        namespace: 'demo',
        body: { metadata: { name: 'made' }, spec: { containers: [{ name: 'a', image: 'b' }] } },
      })
      await expect.poll(() => seen.get('made'), PATIENTLY).toBe('Running')
      await api.deleteNamespacedPod({ namespace: 'demo', name: 'made' })
      await expect.poll(() => seen.has('made'), PATIENTLY).toBe(false)
      await informer.stop()
    })

    it('executes', async () => {
      const kube = await config()
      await expect.poll(() => phaseAt(PODS), PATIENTLY).toBe('Running')
      const pods = await kube.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: 'demo' })
      const name = pods.items[0]?.metadata?.name ?? ''
      const out: string[] = []
      const stdout = new Writable({
        write(chunk: Buffer, _encoding, done) {
          out.push(chunk.toString())
          done()
        },
      })
      const ended = Promise.withResolvers<V1Status>()
      await new Exec(kube).exec(
        'demo',
        name,
        'hello',
        ['sh', '-c', 'echo hi; exit 2'],
        stdout,
        null,
        null,
        false,
        ended.resolve,
      )
      expect((await ended.promise).details?.causes).toEqual([{ reason: 'ExitCode', message: '2' }])
      expect(out.join('')).toBe('hi\n')
    })
  })
})
