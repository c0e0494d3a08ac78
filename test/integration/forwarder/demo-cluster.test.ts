import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import {
  type ExitStatus,
  parseChannelMessage,
  parseExitStatus,
} from '../../../src/protocol/index.ts'
import { fresh } from '../../conformance/kube-api/target.ts'
import { KubeClient } from '../../support/kube-client.ts'
import { execOverSpdy, execOverWebSocket } from '../../support/kube-exec.ts'
import { forwardClients, openForward } from './support/forwards.ts'
import { PATIENTLY, SERVER_NAME, Stage } from './support/stage.ts'
import { openWebSocket } from './support/upgrades.ts'

const NS = 'demo'
const MAPS = `/api/v1/namespaces/${NS}/configmaps`

/** The data path before an API server that behaves as one: RBAC over whom we impersonate, real watches, real exec. */
describe('the forwarder before the demo cluster', () => {
  let stack: AsyncDisposableStack
  let demo: DemoCluster
  let stage: Stage
  let admin: KubeClient
  /** Alice, in the group "team". */
  let alice: KubeClient
  let pod: string

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    demo = stack.use(await openDemoCluster({ clock: systemClock, log: silentLogger }))
    stage = stack.use(await Stage.open({ demo }))
    admin = stack.use(await KubeClient.open(demo.kubeconfig()))
    alice = stack.use(
      KubeClient.withCertificate(
        { host: '127.0.0.1', port: stage.port },
        { ca: stage.authorities.kube.ca, servername: SERVER_NAME, ...stage.authorities.alice },
      ),
    )
    await admin.post(`/apis/rbac.authorization.k8s.io/v1/namespaces/${NS}/rolebindings`, {
      metadata: { name: 'team' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'team' }],
    })
    const running = async (): Promise<string> => {
      const { body } = await admin.get(
        `/api/v1/namespaces/${NS}/pods?fieldSelector=status.phase%3DRunning`,
      )
      return String(body.items[0]?.metadata.name ?? '')
    }
    await expect.poll(running, PATIENTLY).not.toBe('')
    pod = await running()
  })
  afterEach(() => stack[Symbol.asyncDispose]())

  it('finds that its own account may impersonate, and nothing more', async () => {
    expect(await stage.upstream.selfCheck()).toEqual({
      reachable: true,
      version: 'v1.35.0+demo',
      missing: [],
      tooPowerful: false,
      problem: null,
    })
    // Without a name the account is itself, and reads nothing.
    const self = await admin.get('/api/v1/pods', {
      headers: { 'Impersonate-User': 'system:serviceaccount:teleport:teleport-serviceaccount' },
      as: { user: 'system:serviceaccount:teleport:teleport-serviceaccount', groups: [] },
    })
    expect(self.status).toBe(403)
  })

  it('gives a person what her groups have in the cluster, and no more', async () => {
    expect((await alice.get(`/api/v1/namespaces/${NS}/pods`)).body.items).toHaveLength(2)
    const refused = await alice.get('/api/v1/pods')
    expect([refused.status, refused.body.message]).toEqual([
      403,
      'pods is forbidden: User "alice" cannot list resource "pods" in API group "" at the cluster scope',
    ])
    await stage.expectAudited('/api/v1/pods', { response_code: 403 })
  })

  it('carries a watch, and what is changed beside it', async () => {
    const { body } = await alice.get(MAPS)
    const watch = alice.watch(`${MAPS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`)
    const name = fresh('seen')
    expect((await alice.post(MAPS, { metadata: { name } })).status).toBe(201)
    expect((await alice.patch(`${MAPS}/${name}`, 'merge', { data: { a: '1' } })).status).toBe(200)
    expect((await alice.delete(`${MAPS}/${name}`)).status).toBe(200)
    await watch.until(({ type }) => type === 'DELETED')
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED'])
    watch[Symbol.dispose]()
  })

  it('tells a watcher whose revision is forgotten what the API server tells', async () => {
    const { body } = await alice.get(MAPS)
    await admin.post(MAPS, { metadata: { name: fresh('later') } })
    demo.compact()
    const watch = alice.watch(`${MAPS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`)
    expect((await watch.until(() => true)).object).toMatchObject({ reason: 'Expired', code: 410 })
    await watch.ended
  })

  it('serves HTTP/2 as HTTP/1.1', async () => {
    for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
      const client = await stage.client(version)
      const { status, text } = await client.ask({ path: '/apis/apps/v1' })
      expect([status, JSON.parse(text).groupVersion]).toEqual([200, 'apps/v1'])
    }
  })

  it.each([
    ['SPDY', execOverSpdy],
    [
      'WebSocket v4',
      (client: KubeClient, order: Parameters<typeof execOverSpdy>[1]) =>
        execOverWebSocket(client, 'v4.channel.k8s.io', order),
    ],
    [
      'WebSocket v5',
      (client: KubeClient, order: Parameters<typeof execOverSpdy>[1]) =>
        execOverWebSocket(client, 'v5.channel.k8s.io', order),
    ],
  ] as const)('carries exec over %s, with its exit code', async (_way, exec) => {
    const command = ['sh', '-c', 'echo out; echo err >&2; exit 3']
    expect(await exec(alice, { namespace: NS, pod, command })).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      status: { kind: 'exited', exitCode: 3 },
    })
    expect(stage.audit.of(`/api/v1/namespaces/${NS}/pods/${pod}/exec`)).not.toEqual([])
  })

  it('carries input of a megabyte to a program and back', async () => {
    const words = 'x'.repeat(1_000_000)
    const { stdout } = await execOverSpdy(alice, {
      namespace: NS,
      pod,
      command: ['cat'],
      stdin: words,
    })
    expect(stdout === words).toBe(true)
  })

  it.each(forwardClients)(
    'carries port-forward over %s, and ends it with its pod',
    async (client) => {
      const path = `/api/v1/namespaces/${NS}/pods/${pod}`
      const end = await openForward(stage, client, { path: `${path}/portforward` })
      end.out.open(1, 8080)
      end.out.open(2, 5432)
      end.out.write(1, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
      end.out.write(2, Buffer.from('anything'))
      await expect.poll(() => end.ended, PATIENTLY).toEqual([1])
      expect(end.text(1)).toContain(`hello from ${pod}, port 8080`)
      await expect.poll(() => end.text(2), PATIENTLY).toBe('anything')
      await alice.delete(`${path}?gracePeriodSeconds=0`)
      await end.over.promise
      expect(end.words.get(2)).toContain('is gone')
    },
  )

  it('carries port-forward over a plain WebSocket', async () => {
    const target = `/api/v1/namespaces/${NS}/pods/${pod}/portforward?ports=5432`
    const socket = await openWebSocket(await stage.raw(), target, 'v4.channel.k8s.io')
    const got: Buffer[] = []
    socket.on('message', (message: Buffer) => got.push(message))
    socket.resume()
    socket.send(Buffer.from('\u0000anything'))
    await expect.poll(() => got.map(String), PATIENTLY).toContain('\u0000anything')
    socket.close()
  })

  it('ends a session with its pod', async () => {
    const target = `/api/v1/namespaces/${NS}/pods/${pod}/exec?stdout=true&command=sleep&command=infinity`
    // Its answer comes when the API server has given its own: the command runs.
    const socket = await openWebSocket(await stage.raw(), target, 'v4.channel.k8s.io')
    const told: (ExitStatus | null)[] = []
    socket.on('message', (bytes: Buffer) => {
      const message = parseChannelMessage(bytes, 'v4.channel.k8s.io')
      if (message?.kind !== 'data' || message.channel !== 'error') return
      told.push(parseExitStatus(message.data.toString('utf8')))
    })
    socket.resume()
    await alice.delete(`/api/v1/namespaces/${NS}/pods/${pod}?gracePeriodSeconds=0`)
    await expect.poll(() => told, PATIENTLY).toEqual([{ kind: 'exited', exitCode: 137 }])
    socket.close()
  })
})
