import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { Estate } from '../../integration/daemon/support/estate.ts'
import { Relay } from '../../integration/tunnel/support/relay.ts'
import { mustRun } from '../../support/process.ts'
import type { ServiceProcess } from '../../support/service-process.ts'
import { type Cluster, contextOf, mergedKubeconfig } from './environment.ts'

const TSH = resolve(import.meta.dirname, '../../../bin/tsh')
export const IMAGE = 'docker.io/local/busybox:1'
const pod = (name: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: ${IMAGE}
    imagePullPolicy: Never
    command: ["sh", "-c", "mkdir -p /www; echo from-the-box > /www/index.html; httpd -p 8080 -h /www; while true; do echo the box lives; sleep 1; done"]
`
const SERVICE = `apiVersion: v1
kind: Service
metadata: {name: box}
spec: {selector: {app: box}, ports: [{port: 80, targetPort: 8080}]}
`
export type Told = Readonly<Record<string, unknown>>

/** Auth, a proxy and an agent behind its tunnel, each a process, before real clusters, in each of which a pod waits for commands. */
export class SessionEstate implements AsyncDisposable {
  readonly estate: Estate
  readonly namespace: string
  /** Between the agent and the API servers. */
  readonly networks: ReadonlyMap<Cluster, Relay>
  readonly #identity: string
  readonly #clusters: readonly Cluster[]
  readonly #stack: AsyncDisposableStack

  private constructor(parts: {
    readonly estate: Estate
    readonly namespace: string
    readonly networks: ReadonlyMap<Cluster, Relay>
    readonly identity: string
    readonly clusters: readonly Cluster[]
    readonly stack: AsyncDisposableStack
  }) {
    this.estate = parts.estate
    this.namespace = parts.namespace
    this.networks = parts.networks
    this.#identity = parts.identity
    this.#clusters = parts.clusters
    this.#stack = parts.stack
  }

  static async open(clusters: readonly Cluster[]): Promise<SessionEstate> {
    await using opening = new AsyncDisposableStack()
    const directory = await mkdtemp(join(tmpdir(), 'e2e-sessions-'))
    opening.defer(() => rm(directory, { recursive: true, force: true }))
    const kubeconfig_file = await mergedKubeconfig(directory, clusters)
    const networks = new Map<Cluster, Relay>()
    for (const cluster of clusters) {
      networks.set(cluster, opening.use(await throughRelay(kubeconfig_file, cluster)))
    }
    const estate = opening.use(
      await Estate.open({
        proxies: 1,
        agents: { agent: { clusters: [], kube: { kubeconfig_file } } },
      }),
    )
    await vi.waitUntil(
      async () => {
        const signed = await estate.sign('alice')
        return clusters.every((cluster) => signed.includes(contextOf(cluster)))
      },
      { timeout: 120_000, interval: 500 },
    )
    const identity = join(estate.directory, 'alice.identity')
    await estate.tctl('users', 'update', 'alice', '--set-roles=access,auditor')
    await estate.tctl('auth', 'sign', '--user=alice', '--format=file', `--out=${identity}`)
    const namespace = `sessions-${randomBytes(4).toString('hex')}`
    const parts = { estate, namespace, networks, identity, clusters }
    const opened = new SessionEstate({ ...parts, stack: opening.move() })
    await opened.#furnish()
    return opened
  }

  get kubeconfig(): string {
    return join(this.estate.directory, 'alice.kubeconfig')
  }

  get agent(): ServiceProcess {
    const agent = this.estate.agents.get('agent')
    if (agent === undefined) throw new Error('no agent')
    return agent
  }

  /** Past everything of ours. */
  direct(cluster: Cluster, args: readonly string[], input = ''): Promise<string> {
    const flags = ['--kubeconfig', cluster.kubeconfig, '-n', this.namespace]
    return mustRun(cluster.kubectl, [...flags, ...args], { input })
  }

  tsh(...args: readonly string[]): Promise<string> {
    const proxy = `--proxy=127.0.0.1:${this.estate.balancers[0]?.port}`
    return mustRun(TSH, [`--identity=${this.#identity}`, proxy, ...args])
  }

  async recordings(): Promise<Told[]> {
    return JSON.parse(await this.tsh('recordings', 'ls', '--format=json', '--limit=1000')) as Told[]
  }

  async told(cluster: Cluster, name: string): Promise<Told[]> {
    const events = await this.estate.events(`--event=${name}`)
    return events.filter((event) => event['kubernetes_cluster'] === contextOf(cluster))
  }

  /** More pods in which commands can be run, ready. */
  async furnish(cluster: Cluster, names: readonly string[]): Promise<void> {
    const all = names.map(pod).join('---\n')
    // Older servers refuse a pod until the ServiceAccount has its token, which another controller makes.
    await vi.waitFor(() => this.direct(cluster, ['apply', '-f', '-'], all), {
      timeout: 60_000,
      interval: 300,
    })
    const pods = names.map((name) => `pod/${name}`)
    await this.direct(cluster, ['wait', '--for=condition=Ready', '--timeout=120s', ...pods])
  }

  async #furnish(): Promise<void> {
    for (const cluster of this.#clusters) {
      await this.direct(cluster, ['create', 'namespace', this.namespace])
      for (let found = ''; !found.includes('/default'); ) {
        found = await this.direct(cluster, ['get', 'serviceaccounts', '-o', 'name'])
      }
      await this.direct(cluster, ['apply', '-f', '-'], SERVICE)
      await this.furnish(cluster, ['box'])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cluster of this.#clusters) {
      await this.direct(cluster, ['delete', 'namespace', this.namespace, '--wait=false'])
    }
    await this.#stack.disposeAsync()
  }
}

/** Puts a network of ours between whoever reads the kubeconfig and the API server. */
async function throughRelay(kubeconfig: string, cluster: Cluster): Promise<Relay> {
  interface Config {
    clusters: { name: string; cluster: Record<string, string> }[]
  }
  const config = parse(await readFile(kubeconfig, 'utf8')) as Config
  const found = config.clusters.find(({ name }) => name === contextOf(cluster))
  const server = new URL(found?.cluster['server'] ?? '')
  const relay = await Relay.open({ host: server.hostname, port: Number(server.port) })
  if (found !== undefined) {
    found.cluster['server'] = `https://127.0.0.1:${relay.address.port}`
    // What the API server's certificate is for.
    found.cluster['tls-server-name'] ??= server.hostname
  }
  await writeFile(kubeconfig, stringify(config), { mode: 0o600 })
  return relay
}
