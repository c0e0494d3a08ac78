import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { TestDaemon } from '../support/daemon.ts'
import { type Finished, mustRun, Running, runProgram } from '../support/process.ts'
import { ServiceProcess } from '../support/service-process.ts'
import { type Cluster, clusters } from './support/environment.ts'

const TOKEN = 'b3a0f0c84e2d41d79d1f3e5a6c7b8d9e0f1a2b3c4d5e6f70'
const LONG = { timeout: 60_000, interval: 250 } as const
const missing = clusters.length === 0 ? 'no cluster here' : null

/** Real clusters, written down; one agent that knows none of them serves them through its tunnel. */
describe.skipIf(missing !== null)(
  `real clusters as resources${missing === null ? '' : ` (${missing})`}`,
  () => {
    const stack = new AsyncDisposableStack()
    let directory: string
    let center: TestDaemon
    let agent: ServiceProcess
    let kubeconfig: string

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'e2e-dynamic-'))
      stack.defer(() => rm(directory, { recursive: true, force: true }))
      center = stack.use(
        await TestDaemon.start({
          kubeconfig: '',
          config: {
            auth_service: {
              tokens: [`kube:${TOKEN}`],
              static_tokens_kube_resources: [{ labels: { env: ['one', 'two'] } }],
            },
            kubernetes_service: { enabled: false, kubeconfig_file: undefined },
          },
        }),
      )
      const status = JSON.parse(await center.tctl('status', '--format=json')) as {
        ca_pins: string[]
      }
      agent = stack.use(
        await ServiceProcess.prepare(directory, 'agent', {
          teleport: {
            auth_token: TOKEN,
            ca_pin: status.ca_pins[0],
            proxy_server: `127.0.0.1:${center.ports.web}`,
          },
          kubernetes_service: { resources: [{ labels: { env: '*' } }] },
        }),
      )
      await agent.start()
      await center.tctl('users', 'add', 'alice', '--k8s-groups=system:masters')
      for (const cluster of clusters) await write(cluster, 'one')
      const wanted = clusters.map(nameOf).sort().join()
      await vi.waitUntil(async () => (await healthy()).join() === wanted, LONG)
      kubeconfig = await center.sign('alice')
    })
    afterAll(() => stack[Symbol.asyncDispose]())

    const nameOf = ({ version }: Cluster): string => `real-${version.replace('.', '-')}`

    /** What an administrator has at hand, in one text, and in base64. */
    const write = async (cluster: Cluster, env: string): Promise<void> => {
      const flags = ['--kubeconfig', cluster.kubeconfig, '--raw', '--flatten', '--minify']
      const text = await mustRun(cluster.kubectl, ['config', 'view', ...flags], {})
      const file = join(directory, 'cluster.yaml')
      const resource = {
        kind: 'kube_cluster',
        version: 'v3',
        metadata: { name: nameOf(cluster), labels: { env } },
        spec: { kubeconfig: Buffer.from(text).toString('base64') },
      }
      await writeFile(file, stringify(resource), { mode: 0o600 })
      await center.tctl('create', '-f', file)
    }
    const healthy = async (): Promise<string[]> => {
      const listed = JSON.parse(await center.tctl('kube', 'ls', '--format=json')) as {
        metadata: { name: string }
        status: { health: string }
      }[]
      return listed.flatMap(({ metadata, status }) =>
        status.health === 'healthy' ? metadata.name : [],
      )
    }
    const argsOf = (cluster: Cluster, args: readonly string[]): string[] => [
      '--kubeconfig',
      kubeconfig,
      `--context=e2e.example.com-${nameOf(cluster)}`,
      `--cache-dir=${join(directory, 'cache')}`,
      ...args,
    ]
    const kubectl = (cluster: Cluster, ...args: readonly string[]): Promise<Finished> =>
      runProgram(cluster.kubectl, argsOf(cluster, args))
    const works = async (cluster: Cluster): Promise<void> => {
      await expect
        .poll(async () => (await kubectl(cluster, 'get', 'namespaces', '-o', 'name')).stdout, LONG)
        .toContain('namespace/default')
    }

    it.each(clusters.map((cluster) => [cluster.version, cluster] as const))(
      'kubectl %s works, and what it does is in the log under the person’s name',
      async (_, cluster) => {
        await works(cluster)
        const name = `dynamic-${Date.now().toString(36)}`
        expect(await kubectl(cluster, 'create', 'configmap', name)).toMatchObject({ code: 0 })
        expect(await kubectl(cluster, 'delete', 'configmap', name)).toMatchObject({ code: 0 })
        const deleted = async (): Promise<unknown[]> =>
          (await center.events('--user=alice', '--event=kube.request'))
            .filter((event) => event['verb'] === 'DELETE' && event['resource_name'] === name)
            .map((event) => event['kubernetes_cluster'])
        await expect.poll(deleted, LONG).toEqual([nameOf(cluster)])
      },
    )

    it('what is underway ends when a cluster is deleted, and kubectl says why', async () => {
      const [cluster] = clusters
      if (cluster === undefined) throw new Error('there is no cluster')
      await works(cluster)
      const args = argsOf(cluster, ['get', 'namespaces', '-w', '-o', 'name'])
      await using watching = new Running(cluster.kubectl, args)
      await watching.until(({ stdout }) => stdout.includes('namespace/default'))
      await center.tctl('rm', `kube_cluster/${nameOf(cluster)}`)
      await watching.ended()
      // The agent says so first, and then, when no agent has it any more, the auth service.
      await expect
        .poll(async () => (await kubectl(cluster, 'get', 'pods')).stderr, LONG)
        .toContain('access to this Kubernetes cluster is denied: no such cluster')
      await write(cluster, 'two')
      await works(cluster)
    })

    it('comes back with them after a kill, from a file that tells nothing', async () => {
      const [cluster] = clusters
      if (cluster === undefined) throw new Error('there is no cluster')
      await works(cluster)
      await agent.end('SIGKILL')
      await agent.start()
      await works(cluster)
      const kept = await mustRun('grep', ['-rlE', 'client-key-data|BEGIN', agent.directory], {})
      expect(kept).not.toContain('member-kube-clusters.json')
      const shown = resolve(agent.directory, 'data', 'member-kube-clusters.json')
      expect(await mustRun('stat', ['-c', '%a', shown], {})).toBe('600\n')
    })
  },
)
