import { access, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Writable } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import {
  CoreV1Api,
  Exec,
  KubeConfig,
  makeInformer,
  type V1Pod,
  type V1Status,
} from '@kubernetes/client-node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { silentLogger, systemClock } from '../../../src/core/index.ts'
import { type DemoCluster, openDemoCluster } from '../../../src/demo/index.ts'
import { UPGRADE_PATH, UPGRADE_PROTOCOL } from '../../../src/protocol/index.ts'
import { TestDaemon } from '../../support/daemon.ts'
import { freePort } from '../../support/free-port.ts'
import { L7Balancer } from '../../support/l7-balancer.ts'
import { Running } from '../../support/process.ts'
import { Person, type RunningTsh } from '../../support/tsh.ts'

const TSH = resolve(import.meta.dirname, '../../../bin/tsh')
const PASSWORD = 'lorry umbrella seventeen'
const PATIENTLY = { timeout: 60_000, interval: 20 } as const

/** The only way to the real daemon is a balancer that ends TLS. */
describe('behind a load balancer that ends TLS', () => {
  let directory: string
  let demo: DemoCluster
  let daemon: TestDaemon
  let balancer: L7Balancer
  let joe: Person
  let pin: string
  const running: RunningTsh[] = []

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'proxy-kube-'))
    demo = await openDemoCluster({ clock: systemClock, log: silentLogger })
    const kubeconfig = join(directory, 'demo.kubeconfig')
    await writeFile(kubeconfig, demo.kubeconfig(), { mode: 0o600 })
    const front = await freePort()
    daemon = await TestDaemon.start({
      kubeconfig,
      config: {
        auth_service: { authentication: { type: 'local', second_factor: 'off' } },
        proxy_service: {
          trust_x_forwarded_for: 'on',
          public_addr: `127.0.0.1:${front}`,
          kube_public_addr: `127.0.0.1:${front}`,
        },
      },
    })
    const added = JSON.parse(
      await daemon.tctl('users', 'add', 'joe', '--k8s-groups=system:masters', '--format=json'),
    ) as { invite: { token: string } }[]
    pin = /sha256:[0-9a-f]{64}/.exec(await daemon.tctl('status'))?.[0] ?? ''
    balancer = await L7Balancer.before(daemon.ports.web, front)
    joe = await Person.arrive()
    const link = `https://127.0.0.1:${balancer.port}/web/invite/${added[0]?.invite.token}`
    const accepted = await joe.tshReading(
      `${PASSWORD}\n`,
      'invite',
      link,
      `--ca-pin=${pin}`,
      '--password-stdin',
    )
    expect(accepted.err).not.toContain('error')
    expect(accepted.code, accepted.err).toBe(0)
  })
  afterAll(async () => {
    await joe[Symbol.asyncDispose]()
    await balancer[Symbol.asyncDispose]()
    await daemon[Symbol.asyncDispose]()
    await demo[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })
  beforeEach(async () => {
    const { code, err } = await joe.tshReading(
      `${PASSWORD}\n`,
      'login',
      `--proxy=127.0.0.1:${balancer.port}`,
      '--user=joe',
      `--ca-pin=${pin}`,
      '--password-stdin',
    )
    expect(code, err).toBe(0)
  })
  afterEach(async () => {
    for (const each of running.splice(0)) await each.stop()
    await joe.tsh('logout', '--all')
  })

  interface Told {
    readonly address: string
    readonly kubeconfig: string
    readonly clusters: readonly { readonly kube_cluster_name: string; readonly context: string }[]
  }
  async function proxyKube(...flags: string[]): Promise<Told> {
    const tsh = joe.tshUntilStopped('proxy', 'kube', '--format=json', ...flags)
    running.push(tsh)
    await expect.poll(() => tsh.io.out + tsh.io.err, PATIENTLY).toContain('}')
    return JSON.parse(tsh.io.out) as Told
  }
  function configOf({ kubeconfig }: Told): KubeConfig {
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    return config
  }

  it('tsh login finds the way by itself, tells the way of kubectl, and later calls go it too', async () => {
    await joe.tsh('logout')
    const { code, err } = await joe.tshReading(
      `${PASSWORD}\n`,
      'login',
      `--proxy=127.0.0.1:${balancer.port}`,
      '--user=joe',
      '--password-stdin',
    )
    expect(code, err).toBe(0)
    expect((await joe.tsh('kube', 'ls')).out).toContain('demo')
    expect((await joe.tsh('version', '--format=json')).out).toContain('"server_version": "')
    // What is behind the balancer has seen where people come from, and the balancer no password.
    const events = await daemon.events('--event=user.login')
    expect(events[0]?.['addr.remote']).toMatch(/^203\.0\.113\.9:/)
    expect(err).toContain('kubectl reaches clusters there by "tsh proxy kube"')
    expect(balancer.text).not.toContain(PASSWORD)
  })

  it('is told so when it may not look for another way', async () => {
    joe.env = { TELEPORT_TLS_ROUTING_CONN_UPGRADE: 'no' }
    const { code, err } = await joe.tsh('login', `--proxy=127.0.0.1:${balancer.port}`, '--ttl=30')
    joe.env = {}
    expect(code).toBe(1)
    expect(err).toContain(`127.0.0.1:${balancer.port}`)
  })

  it('a client library lists, watches and runs programs through the local port', async () => {
    const told = await proxyKube()
    expect(told.clusters).toEqual([{ kube_cluster_name: 'demo', context: 'e2e.example.com-demo' }])
    const config = configOf(told)
    expect(config.getCurrentCluster()?.server).toMatch(`https://${told.address}/k-`)
    const core = config.makeApiClient(CoreV1Api)
    const informer = makeInformer(config, '/api/v1/namespaces/default/pods', () =>
      core.listNamespacedPod({ namespace: 'default' }),
    )
    const seen: string[] = []
    informer.on('add', (pod: V1Pod) => seen.push(pod.metadata?.name ?? ''))
    await informer.start()
    await core.createNamespacedPod({
      namespace: 'default',
      body: {
        metadata: { name: 'carried' },
        spec: { containers: [{ name: 'main', image: 'busybox', command: ['sh'] }] },
      },
    })
    await expect.poll(() => seen, PATIENTLY).toContain('carried')
    await informer.stop()
    await expect
      .poll(
        async () =>
          (await core.readNamespacedPod({ namespace: 'default', name: 'carried' })).status?.phase,
        PATIENTLY,
      )
      .toBe('Running')

    const out: string[] = []
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        out.push(chunk.toString())
        done()
      },
    })
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec('default', 'carried', 'main', ['echo', 'through'], stdout, null, null, false, resolve)
        .catch(reject)
    })
    expect(status.status).toBe('Success')
    expect(out.join('')).toBe('through\n')
    await core.deleteNamespacedPod({ namespace: 'default', name: 'carried' })
    const events = await daemon.events('--event=kube.request', '--user=joe')
    expect(events.length).toBeGreaterThan(3)
    for (const event of events) expect(event['addr.remote']).toMatch(/^203\.0\.113\.9:/)
    expect(balancer.requests).toContain(`UPGRADE ${UPGRADE_PATH}`)
    // Neither names of Kubernetes nor what was said: it is ciphertext, both ways.
    expect(balancer.text).not.toMatch(/carried|namespaces/)
  })

  /** A cluster that has namespaces answers, sooner or later. */
  const expectServed = async (core: CoreV1Api): Promise<void> => {
    const count = (): Promise<number> =>
      core.listNamespace().then(
        ({ items }) => items.length,
        () => 0,
      )
    await expect.poll(count, PATIENTLY).toBeGreaterThan(0)
  }

  it('what the balancer cut is connected anew', async () => {
    const core = configOf(await proxyKube()).makeApiClient(CoreV1Api)
    expect((await core.listNamespace()).items.length).toBeGreaterThan(0)
    balancer.cut()
    await expectServed(core)
  })

  it.each([
    ['because its environment says so', 'yes', 'far'],
    ['and finds the way by itself', '', 'farther'],
  ])('an agent joins and opens its tunnel there, %s', async (_title, upgrade, name) => {
    const token = `a-token-of-an-agent-that-is-${name}`
    await daemon.tctl('tokens', 'add', '--type=kube', `--value=${token}`)
    const home = await mkdtemp(join(directory, 'agent-'))
    const kubeconfig = join(home, 'agent.kubeconfig')
    const config = JSON.parse(demo.kubeconfig()) as { contexts: { name: string }[] }
    const contexts = config.contexts.map((context) => ({ ...context, name }))
    const renamed = { ...config, contexts, 'current-context': name }
    await writeFile(kubeconfig, JSON.stringify(renamed), { mode: 0o600 })
    await using agent = new Running(
      join(import.meta.dirname, '../../../bin/teleport'),
      [
        'start',
        '--roles=kube',
        `--proxy=127.0.0.1:${balancer.port}`,
        `--token=${token}`,
        `--ca-pin=${pin}`,
        `--kubeconfig=${kubeconfig}`,
        `--data-dir=${join(home, 'data')}`,
      ],
      { env: { ...process.env, TELEPORT_TLS_ROUTING_CONN_UPGRADE: upgrade } },
    )
    await agent.until(({ stderr }) => stderr.includes('a tunnel to the proxy is open'), 60_000)
    await expect
      .poll(async () => (await joe.tsh('kube', 'ls')).out, PATIENTLY)
      .toMatch(new RegExp(`^${name}$`, 'm'))
    const core = configOf(await proxyKube(name)).makeApiClient(CoreV1Api)
    await expectServed(core)
  })

  it('the port is of no use to who has no certificate', async () => {
    const told = await proxyKube()
    const cluster = configOf(told).getCurrentCluster()
    const path = new URL(cluster?.server ?? '').pathname
    const stranger = connectTls({
      host: '127.0.0.1',
      port: Number(told.address.split(':')[1]),
      servername: cluster?.tlsServerName ?? '',
      ca: Buffer.from(cluster?.caData ?? '', 'base64'),
    })
    stranger.write(`GET ${path}/api/v1/namespaces HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    const answer: Buffer[] = []
    for await (const chunk of stranger) answer.push(chunk as Buffer)
    expect(Buffer.concat(answer).toString()).toMatch(/^HTTP\/1\.1 (401|403) /)
    // Nor does it lead to the pages, or anywhere else.
    const elsewhere = connectTls({
      host: '127.0.0.1',
      port: Number(told.address.split(':')[1]),
      servername: 'example.com',
      rejectUnauthorized: false,
    })
    await expect(
      new Promise((resolve, reject) => {
        elsewhere.once('secureConnect', resolve)
        elsewhere.once('error', reject)
      }),
    ).rejects.toThrow(/unrecognized name/)
  })

  it.each(['SIGHUP', 'SIGTERM'] as const)(
    'cleans up at %s: its terminal was closed, or it is told to end',
    async (signal) => {
      await using tsh = new Running(TSH, ['proxy', 'kube', '--format=json', 'dem'], {
        env: { ...process.env, HOME: joe.home, TELEPORT_HOME: '' },
      })
      await tsh.until(({ stdout }) => stdout.includes('\n}'))
      const { kubeconfig } = JSON.parse(tsh.stdout) as Told
      await access(kubeconfig)
      await tsh.end(signal)
      await expect(access(kubeconfig)).rejects.toThrow('ENOENT')
    },
  )

  it('cleans up at ctrl-c, and has written what only its owner reads', async () => {
    const told = await proxyKube(`--port=${await freePort()}`, 'dem', '-n', 'payments')
    expect((await stat(told.kubeconfig)).mode & 0o777).toBe(0o600)
    const config = configOf(told)
    expect(config.getContexts().map(({ namespace }) => namespace)).toEqual(['payments'])
    const [tsh] = running.splice(0)
    expect(await tsh?.stop()).toBe(0)
    await expect(access(told.kubeconfig)).rejects.toThrow('ENOENT')
    const { port } = new URL(`tcp://${told.address}`)
    await expect(
      new Promise((resolve, reject) => {
        connectTcp(Number(port), '127.0.0.1').once('connect', resolve).once('error', reject)
      }),
    ).rejects.toThrow('ECONNREFUSED')
    const left = await readdir(join(joe.home, '.tsh', 'profiles'), { recursive: true })
    expect(left.filter((name) => name.includes('proxy-kube'))).toEqual([])
  })

  it('prints what a shell sources, and the rest aside', async () => {
    const tsh = joe.tshUntilStopped('proxy', 'kube')
    running.push(tsh)
    await expect.poll(() => tsh.io.out, PATIENTLY).toMatch(/^export KUBECONFIG=\S+\.kubeconfig\n$/)
    expect(tsh.io.err).toContain('until ctrl-c')
    expect(tsh.io.err).toContain('e2e.example.com-demo')
  })

  it('--exec gives a shell the kubeconfig, and ends as that does', async () => {
    joe.env = { SHELL: '/bin/zsh' }
    const tsh = joe.tshUntilStopped('proxy', 'kube', '--exec')
    joe.env = {}
    let command = ''
    tsh.io.foreground = async (given) => {
      command = given
      return 3
    }
    expect(await tsh.ended).toBe(3)
    expect(command).toMatch(/^KUBECONFIG=\S+\.kubeconfig \/bin\/zsh$/)
  })

  it.each([
    [['nosuch'], 'there is no Kubernetes cluster "nosuch"'],
    [['-l', 'env=nowhere'], 'no Kubernetes cluster that your roles reach is like that'],
    [['--port=70000'], '--port=70000 is not a port'],
    [['--exec', '--format=json'], 'exclude each other'],
  ])('tsh proxy kube %s says what is wrong', async (flags, words) => {
    const { code, err } = await joe.tsh('proxy', 'kube', ...flags)
    expect(code).not.toBe(0)
    expect(err).toContain(words)
  })

  it('a port that is taken is said', async () => {
    const told = await proxyKube()
    const port = told.address.split(':')[1]
    const { code, err } = await joe.tsh('proxy', 'kube', `--port=${port}`)
    expect(code).toBe(1)
    expect(err).toContain(`port ${port} of this machine is taken`)
  })

  describe('the web port', () => {
    const upgrade = (headers: Record<string, string>, protocols: string[], path = UPGRADE_PATH) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`wss://127.0.0.1:${daemon.ports.web}${path}`, protocols, {
          rejectUnauthorized: false,
          headers,
        })
        socket.once('open', () => {
          resolve('open')
          socket.close()
        })
        socket.once('error', (error) => resolve(error.message))
      })

    it('takes programs of ours', async () => {
      expect(await upgrade({}, [UPGRADE_PROTOCOL])).toBe('open')
    })

    it.each([
      [
        'pages of browsers',
        { origin: 'https://evil.example.com' },
        [UPGRADE_PROTOCOL],
        UPGRADE_PATH,
        '403',
      ],
      ['who does not say what is meant', {}, ['chat'], UPGRADE_PATH, '400'],
      ['other paths', {}, [UPGRADE_PROTOCOL], '/webapi/other', '(404|503)'],
    ])('refuses %s', async (_who, headers, protocols, path, status) => {
      expect(await upgrade(headers, protocols, path)).toMatch(
        new RegExp(`^Unexpected server response: ${status}$`),
      )
    })
  })
})
