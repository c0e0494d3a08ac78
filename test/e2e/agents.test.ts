import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { type Finished, Running, runProgram } from '../support/process.ts'
import { ABSENT, type Cluster, clusters } from './support/environment.ts'

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no such cluster here' : null
describe.skipIf(missing !== null)(
  `agents in processes of their own and Kubernetes 1.35${missing === null ? '' : ` (${missing})`}`,
  () => agents(cluster ?? ABSENT),
)

const TSH = resolve(import.meta.dirname, '../../bin/tsh')
const TOKEN = '866c6c114724a0fa4d4d73216afd99fb1a2d6bfde8e13a19'
const LONG = { timeout: 30_000, interval: 250 } as const

function agents(real: Cluster): void {
  const stack = new AsyncDisposableStack()
  let directory: string
  let gateway: Gateway
  let tunnelled: AgentProcess
  let direct: AgentProcess
  let kubeconfig: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-agents-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    gateway = stack.use(await Gateway.prepare(directory))
    await gateway.start()
    const joining = { auth_token: TOKEN, ca_pin: await gateway.pin() }
    tunnelled = stack.use(
      await AgentProcess.prepare(real, directory, 'tunnelled', {
        teleport: { ...joining, proxy_server: `127.0.0.1:${gateway.web}` },
        kubernetes_service: {},
      }),
    )
    const port = await freePort()
    direct = stack.use(
      await AgentProcess.prepare(real, directory, 'direct', {
        teleport: { ...joining, auth_server: `127.0.0.1:${gateway.auth}` },
        kubernetes_service: {
          listen_addr: `127.0.0.1:${port}`,
          public_addr: `127.0.0.1:${port}`,
        },
      }),
    )
    direct.port = port
    await Promise.all([tunnelled.start(), direct.start()])
    const role = {
      kind: 'role',
      version: 'v7',
      metadata: { name: 'everywhere' },
      spec: { allow: { kubernetes_groups: ['system:masters'], kubernetes_labels: { '*': '*' } } },
    }
    const file = join(directory, 'role.yaml')
    await writeFile(file, stringify(role))
    await gateway.daemon.tctl('create', '-f', file)
    await gateway.daemon.tctl('users', 'add', 'alice', '--roles=everywhere')
    kubeconfig = await gateway.daemon.sign('alice')
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const kubectl = (name: string, ...args: readonly string[]): Promise<Finished> =>
    runProgram(real.kubectl, [
      '--kubeconfig',
      kubeconfig,
      `--cache-dir=${join(directory, 'cache')}`,
      `--context=e2e.example.com-${name}`,
      ...args,
    ])

  it.each(['tunnelled', 'direct'])('kubectl works through the one that is %s', async (name) => {
    await expect.poll(() => gateway.statusOf(name), LONG).toBe('healthy')
    const answer = await kubectl(name, 'get', 'namespaces', '-o', 'name')
    expect(answer.stderr).toBe('')
    expect(answer.stdout).toContain('namespace/default')
    await expect
      .poll(async () => {
        const events = await gateway.daemon.events('--event=kube.request')
        return events.some((event) => event['kubernetes_cluster'] === name)
      }, LONG)
      .toBe(true)
  })

  it('says within 15 seconds that a cluster is offline, and since when; back again it needs no token', async () => {
    await expect.poll(() => gateway.membersOnline(), LONG).toBe(2)
    const identity = join(directory, 'alice.pem')
    await gateway.daemon.tctl('auth', 'sign', '--user=alice', `--out=${identity}`)
    const seenByAlice = async (): Promise<string> => {
      const flags = ['-v', '-i', identity, `--proxy=127.0.0.1:${gateway.web}`]
      const { stdout } = await runProgram(TSH, ['kube', 'ls', ...flags])
      return stdout.split('\n').find((line) => line.startsWith('tunnelled ')) ?? ''
    }
    await tunnelled.kill('SIGKILL')
    const early = await kubectl('tunnelled', 'get', 'pods')
    expect(early.stderr).toMatch(/Kubernetes cluster "tunnelled" is (not reached|offline)/)
    // Fifteen seconds, and the start of a program.
    const soon = { timeout: 18_000, interval: 250 }
    await Promise.all([
      expect.poll(() => gateway.statusOf('tunnelled'), soon).toBe('offline'),
      expect.poll(() => gateway.membersOnline(), soon).toBe(1),
      expect.poll(seenByAlice, soon).toMatch(/ offline +\d{4}-/),
    ])
    const refused = await kubectl('tunnelled', 'get', 'pods')
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/Kubernetes cluster "tunnelled" is offline since \d{4}-/)
    await tunnelled.forgetToken()
    await tunnelled.start()
    await expect.poll(async () => (await kubectl('tunnelled', 'get', 'pods')).code, LONG).toBe(0)
  })

  it('serves while auth is dead, after a restart too, and what happened is delivered once', async () => {
    const before = await gateway.daemon.events('--event=kube.request')
    await gateway.kill()
    const past = await direct.kubeconfigPast(kubeconfig)
    const meanwhile = (...args: readonly string[]): Promise<Finished> =>
      runProgram(real.kubectl, ['--kubeconfig', past, ...args])
    const name = `meanwhile-${Date.now().toString(36)}`
    expect(await meanwhile('create', 'configmap', name)).toMatchObject({ code: 0 })
    await direct.kill('SIGKILL')
    await direct.forgetToken()
    await direct.start()
    expect(await meanwhile('delete', 'configmap', name)).toMatchObject({ code: 0 })

    await gateway.start()
    const verbs = async (): Promise<unknown[]> => {
      const events = await gateway.daemon.events('--event=kube.request')
      const known = new Set(before.map(({ uid }) => uid))
      return events
        .filter(({ uid }) => !known.has(uid))
        .filter(({ resource_kind: kind }) => kind === 'configmaps')
        .map(({ verb, outcome }) => `${String(verb)} ${String(outcome)}`)
        .sort()
    }
    await expect.poll(verbs, LONG).toEqual(expect.arrayContaining(['DELETE done', 'POST done']))
    const all = await verbs()
    expect(all.filter((one) => one === 'POST done')).toHaveLength(1)
    expect(all.filter((one) => one === 'DELETE done')).toHaveLength(1)
    await expect.poll(async () => (await kubectl('direct', 'get', 'pods')).code, LONG).toBe(0)
  })
}

/** Auth and proxy in one process, on ports that outlive it. */
class Gateway implements AsyncDisposable {
  readonly auth: number
  readonly web: number
  readonly kube: number
  readonly #directory: string
  #daemon: TestDaemon | null = null

  private constructor(directory: string, ports: { auth: number; web: number; kube: number }) {
    this.#directory = join(directory, 'gateway')
    this.auth = ports.auth
    this.web = ports.web
    this.kube = ports.kube
  }

  static async prepare(directory: string): Promise<Gateway> {
    const ports = { auth: await freePort(), web: await freePort(), kube: await freePort() }
    const gateway = new Gateway(directory, ports)
    await mkdir(gateway.#directory)
    return gateway
  }

  get daemon(): TestDaemon {
    if (this.#daemon === null) throw new Error('the gateway does not run')
    return this.#daemon
  }

  async start(): Promise<void> {
    this.#daemon = await TestDaemon.start({
      kubeconfig: '/nonexistent',
      directory: this.#directory,
      config: {
        auth_service: { listen_addr: `127.0.0.1:${this.auth}`, tokens: [`kube:${TOKEN}`] },
        proxy_service: {
          web_listen_addr: `127.0.0.1:${this.web}`,
          public_addr: `127.0.0.1:${this.web}`,
          kube_listen_addr: `127.0.0.1:${this.kube}`,
          kube_public_addr: `127.0.0.1:${this.kube}`,
        },
        kubernetes_service: { enabled: false },
      },
    })
  }

  async kill(): Promise<void> {
    await this.daemon.stop('SIGKILL')
    this.#daemon = null
  }

  async pin(): Promise<string> {
    return /sha256:[0-9a-f]{64}/.exec(await this.daemon.tctl('status'))?.[0] ?? ''
  }

  /** As `tctl kube ls` has it. */
  async statusOf(name: string): Promise<string | undefined> {
    const items = JSON.parse(await this.daemon.tctl('kube', 'ls', '--format=json')) as {
      metadata: { name: string }
      status: { health: string }
    }[]
    return items.find(({ metadata }) => metadata.name === name)?.status.health
  }

  /** As `tctl inventory ls` has it. */
  async membersOnline(): Promise<number> {
    const members = JSON.parse(await this.daemon.tctl('inventory', 'ls', '--format=json')) as {
      status: { online: boolean }
    }[]
    return members.filter(({ status }) => status.online).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon?.[Symbol.asyncDispose]()
  }
}

/** A kubernetes service alone, with a directory of its own. */
class AgentProcess implements AsyncDisposable {
  port = 0
  readonly #directory: string
  readonly #name: string
  readonly #configFile: string
  #config: Record<string, Record<string, unknown>>
  #running: Running | null = null

  private constructor(
    directory: string,
    name: string,
    config: Record<string, Record<string, unknown>>,
  ) {
    this.#directory = directory
    this.#name = name
    this.#config = config
    this.#configFile = join(directory, 'teleport.yaml')
  }

  static async prepare(
    cluster: Cluster,
    parent: string,
    name: string,
    parts: { teleport: Record<string, unknown>; kubernetes_service: Record<string, unknown> },
  ): Promise<AgentProcess> {
    const directory = join(parent, name)
    await mkdir(join(directory, 'data'), { recursive: true, mode: 0o700 })
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as {
      clusters: { cluster: object }[]
      users: { user: object }[]
    }
    const kubeconfig = join(directory, 'kubeconfig')
    await writeFile(
      kubeconfig,
      stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name, cluster: config.clusters[0]?.cluster }],
        users: [{ name, user: config.users[0]?.user }],
        contexts: [{ name, context: { cluster: name, user: name } }],
      }),
      { mode: 0o600 },
    )
    return new AgentProcess(directory, name, {
      teleport: { data_dir: join(directory, 'data'), ...parts.teleport },
      auth_service: { enabled: false },
      proxy_service: { enabled: false },
      kubernetes_service: {
        enabled: true,
        kubeconfig_file: kubeconfig,
        ...parts.kubernetes_service,
      },
    })
  }

  async start(): Promise<void> {
    await writeFile(this.#configFile, stringify(this.#config), { mode: 0o600 })
    const diag = await freePort()
    const running = new Running(
      resolve(import.meta.dirname, '../../bin/teleport'),
      ['start', '-c', this.#configFile, `--diag-addr=127.0.0.1:${diag}`],
      { cwd: this.#directory, env: process.env },
    )
    this.#running = running
    const ready = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${diag}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      )
    const deadline = Date.now() + 30_000
    while (!(await ready())) {
      if (Date.now() > deadline) throw new Error(`${this.#name}: not ready\n${running.stderr}`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#running?.end(signal)
    this.#running = null
  }

  /** From the next start on it has only its identity. */
  async forgetToken(): Promise<void> {
    const { auth_token: _, ...rest } = this.#config['teleport'] ?? {}
    this.#config = { ...this.#config, teleport: rest }
    await rm(this.#configFile)
  }

  /** A kubeconfig that leads past the proxy, to the agent's own port. */
  async kubeconfigPast(kubeconfig: string): Promise<string> {
    const config = parse(await readFile(kubeconfig, 'utf8')) as {
      'current-context': string
      clusters: { cluster: { server: string } }[]
      contexts: { name: string }[]
    }
    for (const { cluster } of config.clusters) cluster.server = `https://127.0.0.1:${this.port}`
    config['current-context'] =
      config.contexts.find(({ name }) => name.endsWith(this.#name))?.name ?? ''
    const path = join(this.#directory, 'past.kubeconfig')
    await writeFile(path, stringify(config), { mode: 0o600 })
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGTERM')
  }
}
