import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { silentLogger, systemClock } from '../../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../../src/demo/index.ts'
import { Balancer } from '../../../support/balancer.ts'
import { freePort } from '../../../support/free-port.ts'
import { KubeClient, type KubeTls } from '../../../support/kube-client.ts'
import { mustRun } from '../../../support/process.ts'
import { ServiceProcess } from '../../../support/service-process.ts'
import { Relay } from '../../tunnel/support/relay.ts'

export const TELEPORT = 'estate.example.com'
/** Where people come from, as the load balancer says. */
export const PERSON = { address: '203.0.113.7', port: 4711 }
const PATIENTLY = { timeout: 120_000, interval: 200 }
const TCTL = resolve(import.meta.dirname, '../../../../bin/tctl')

export interface EstateOptions {
  readonly proxies: number
  /** Each proxy has an address of its own for tunnels, to which agents dial back as well. */
  readonly tunnelsApart?: true
  /** Agents by name, each with the clusters that it serves; `direct` ones are dialled, and dial nobody. `kube` and `teleport` go into its file. */
  readonly agents: Readonly<
    Record<
      string,
      {
        readonly clusters: readonly string[]
        readonly direct?: true
        readonly kube?: Readonly<Record<string, unknown>>
        readonly teleport?: Readonly<Record<string, unknown>>
      }
    >
  >
  /** More of `auth_service` in its file. */
  readonly auth?: Readonly<Record<string, unknown>>
}

/** Auth, proxies behind a load balancer and agents, each a process with a directory of its own, and clusters in memory. */
export class Estate implements AsyncDisposable {
  readonly stack = new AsyncDisposableStack()
  readonly demos = new Map<string, DemoCluster>()
  readonly proxies: ServiceProcess[] = []
  readonly agents = new Map<string, ServiceProcess>()
  /** Ports on which agents of the direct way wait. */
  readonly directPorts = new Map<string, number>()
  /** Between agents and the API server of a cluster. */
  readonly networks = new Map<string, Relay>()
  /** In front of all proxies, one a port of theirs: web, kube and tunnel; the last is one a proxy where tunnels are apart. */
  readonly balancers: Balancer[] = []
  readonly token = randomBytes(24).toString('hex')
  auth!: ServiceProcess
  directory = ''
  /** Of alice, who may everything. */
  kubeconfig = ''
  #pin = ''
  #authPort = 0

  static async open(options: EstateOptions): Promise<Estate> {
    const estate = new Estate()
    try {
      await estate.#open(options)
      return estate
    } catch (error) {
      await estate[Symbol.asyncDispose]()
      throw error
    }
  }

  async #open({ proxies, tunnelsApart, agents, auth = {} }: EstateOptions): Promise<void> {
    this.directory = await mkdtemp(join(tmpdir(), 'teleport-estate-'))
    this.stack.defer(() => rm(this.directory, { recursive: true, force: true }))
    for (const name of new Set(Object.values(agents).flatMap(({ clusters }) => clusters))) {
      const demo = await openDemoCluster({ clock: systemClock, log: silentLogger })
      this.demos.set(name, this.stack.use(demo))
      const network = await Relay.open({ host: '127.0.0.1', port: demo.port })
      this.networks.set(name, this.stack.use(network))
      await this.mark(name, name)
    }
    await this.#openAuth(auth)
    await this.#openProxies(proxies, tunnelsApart === true)
    for (const [name, { clusters, direct, kube, teleport }] of Object.entries(agents)) {
      await this.#openAgent(name, clusters, direct === true, { kube, teleport })
    }
    await this.#openPerson()
    for (const cluster of this.demos.keys()) await this.#served(cluster)
  }

  async #openAuth(more: Readonly<Record<string, unknown>>): Promise<void> {
    this.#authPort = await freePort()
    this.auth = this.stack.use(
      await ServiceProcess.prepare(this.directory, 'auth', {
        auth_service: {
          cluster_name: TELEPORT,
          listen_addr: `127.0.0.1:${this.#authPort}`,
          tokens: [`proxy,kube:${this.token}`],
          ...more,
        },
      }),
    )
    await this.auth.start()
    this.#pin = /sha256:[0-9a-f]{64}/.exec(await this.tctl('status'))?.[0] ?? ''
  }

  async #openProxies(count: number, tunnelsApart: boolean): Promise<void> {
    const ports: number[][] = []
    for (let index = 0; index < count; index += 1) {
      ports.push([await freePort(), await freePort(), await freePort()])
    }
    const balance = async (backends: readonly number[]): Promise<string> => {
      const targets = backends.map((port) => ({ host: '127.0.0.1', port }))
      const balancer = this.stack.use(await Balancer.open({ targets, as: PERSON }))
      this.balancers.push(balancer)
      return `127.0.0.1:${balancer.port}`
    }
    const backends = (which: number): number[] => ports.map((of) => of[which] ?? 0)
    const [web, kube] = [await balance(backends(0)), await balance(backends(1))]
    const tunnels: string[] = []
    for (const port of backends(2)) if (tunnelsApart) tunnels.push(await balance([port]))
    const tunnel = tunnelsApart ? '' : await balance(backends(2))
    for (const [index, [webPort, kubePort, tunnelPort]] of ports.entries()) {
      const proxy = this.stack.use(
        await ServiceProcess.prepare(this.directory, `proxy-${index}`, {
          teleport: this.joining(),
          proxy_service: {
            web_listen_addr: `127.0.0.1:${webPort}`,
            public_addr: web,
            kube_listen_addr: `127.0.0.1:${kubePort}`,
            kube_public_addr: kube,
            tunnel_listen_addr: `127.0.0.1:${tunnelPort}`,
            tunnel_public_addr: tunnels[index] ?? tunnel,
            proxy_protocol: 'on',
          },
        }),
      )
      this.proxies.push(proxy)
    }
    await Promise.all(this.proxies.map((proxy) => proxy.start()))
  }

  async #openAgent(
    name: string,
    clusters: readonly string[],
    direct: boolean,
    more: {
      readonly kube?: Readonly<Record<string, unknown>> | undefined
      readonly teleport?: Readonly<Record<string, unknown>> | undefined
    },
  ): Promise<void> {
    const port = await freePort()
    if (direct) this.directPorts.set(name, port)
    const at = `127.0.0.1:${port}`
    const { auth_server, ...joining } = this.joining()
    const agent = this.stack.use(
      await ServiceProcess.prepare(
        this.directory,
        name,
        {
          teleport: {
            ...joining,
            ...(direct
              ? { auth_server }
              : { proxy_server: `127.0.0.1:${this.balancers[0]?.port}` }),
            ...more.teleport,
          },
          kubernetes_service: {
            kubeconfig_file: join(this.directory, name, 'kubeconfig'),
            ...(direct ? { listen_addr: at, public_addr: at } : {}),
            ...more.kube,
          },
        },
        { kubeconfig: this.#kubeconfigOf(clusters) },
      ),
    )
    this.agents.set(name, agent)
    await agent.start()
  }

  #kubeconfigOf(names: readonly string[]): string {
    interface Config {
      clusters: { cluster: Record<string, string> }[]
      users: { user: object }[]
    }
    const parts = names.map((name) => ({
      name,
      of: parse(this.demos.get(name)?.kubeconfig() ?? '') as Config,
    }))
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: parts.map(({ name, of }) => {
        const server = `https://127.0.0.1:${this.networks.get(name)?.address.port}`
        return { name, cluster: { ...of.clusters[0]?.cluster, server } }
      }),
      users: parts.map(({ name, of }) => ({ name, user: of.users[0]?.user })),
      contexts: parts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    })
  }

  async #openPerson(): Promise<void> {
    await this.tctl('users', 'add', 'alice', '--k8s-groups=system:masters')
    const addressed = async (): Promise<boolean> => {
      this.kubeconfig = await this.sign('alice')
      return [...this.demos.keys()].every((name) => this.kubeconfig.includes(`${TELEPORT}-${name}`))
    }
    await vi.waitUntil(addressed, PATIENTLY)
  }

  async #served(cluster: string): Promise<void> {
    const answers = async (): Promise<boolean> => {
      using client = this.person(cluster)
      return (await client.get('/api/v1/namespaces')).status === 200
    }
    await vi.waitUntil(answers, PATIENTLY)
  }

  /** What the others need to join. */
  joining(): Record<string, string> {
    return {
      auth_token: this.token,
      ca_pin: this.#pin,
      auth_server: `127.0.0.1:${this.#authPort}`,
    }
  }

  tctl(...args: readonly string[]): Promise<string> {
    return mustRun(TCTL, ['-c', this.auth.configFile, ...args], { cwd: this.auth.directory })
  }

  async events(...flags: readonly string[]): Promise<Record<string, unknown>[]> {
    const text = await this.tctl('audit', 'ls', '--format=json', '--limit=1000', ...flags)
    return JSON.parse(text) as Record<string, unknown>[]
  }

  /** Puts a config map into a cluster, past everything of ours. */
  async mark(cluster: string, name: string): Promise<void> {
    using client = await this.administrator(cluster)
    const made = await client.post('/api/v1/namespaces/default/configmaps', {
      metadata: { name, labels: { mark: 'yes' } },
      data: { cluster },
    })
    expect(made.status).toBe(201)
  }

  async administrator(cluster: string): Promise<KubeClient> {
    return KubeClient.open(this.demos.get(cluster)?.kubeconfig() ?? '')
  }

  /** What somebody connects with, by his kubeconfig; alice without one. */
  door(
    cluster: string,
    kubeconfig: string = this.kubeconfig,
  ): { readonly port: number; readonly tls: KubeTls } {
    const config = parse(kubeconfig) as {
      clusters: { name: string; cluster: Record<string, string> }[]
      users: { user: Record<string, string> }[]
    }
    const found = config.clusters.find(({ name }) => name === `${TELEPORT}-${cluster}`)?.cluster
    const user = config.users[0]?.user ?? {}
    const pem = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString()
    return {
      port: Number(new URL(found?.['server'] ?? '').port),
      tls: {
        ca: pem(found?.['certificate-authority-data']),
        cert: pem(user['client-certificate-data']),
        key: pem(user['client-key-data']),
        servername: found?.['tls-server-name'] ?? '',
      },
    }
  }

  /** The kubeconfig of a user who exists. */
  async sign(user: string): Promise<string> {
    const out = join(this.directory, `${user}.kubeconfig`)
    const flags = [`--user=${user}`, '--format=kubernetes', `--out=${out}`, '--overwrite']
    await this.tctl('auth', 'sign', ...flags)
    return readFile(out, 'utf8')
  }

  person(cluster: string, kubeconfig: string = this.kubeconfig): KubeClient {
    const { port, tls } = this.door(cluster, kubeconfig)
    return KubeClient.withCertificate({ host: '127.0.0.1', port }, tls)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stack.disposeAsync()
  }
}
