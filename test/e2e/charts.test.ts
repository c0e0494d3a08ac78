import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { packageCharts } from '../../tools/charts/package.ts'
import { imageConfig, ownVersion } from '../../tools/image/contents.ts'
import { serverCertificate } from '../support/certificates.ts'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { Helm, helmPath } from '../support/helm.ts'
import { type Finished, mustRun, Running, runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import { addressForPods } from './support/address-for-pods.ts'
import { ChartRepository } from './support/chart-repository.ts'
import { apiServerAudit, CLUSTER_VERSIONS, type Cluster, clusters } from './support/environment.ts'
import { openHostVolume } from './support/host-volume.ts'
import { DEFAULT_IMAGE, PodImage } from './support/pod-image.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TSH = join(ROOT, 'bin/tsh')
const PATIENTLY = { timeout: 60_000, interval: 500 }
const PASSWORD = 'a horse, a battery and a staple'
const run = `${Date.now().toString(36)}${process.pid.toString(36)}`
const IMAGE = `docker.io/local/teleport:${run}`
const OURS = { image: IMAGE, imagePullPolicy: 'Never' }

const missing = [
  ...(helmPath === null ? ['no helm here'] : []),
  ...CLUSTER_VERSIONS.flatMap((version) => {
    const cluster = clusters.find((one) => one.version === version)
    if (cluster === undefined) return [`no Kubernetes ${version} here`]
    return cluster.containerd === null ? [`Kubernetes ${version} takes no images from here`] : []
  }),
]

/** Helm and kubectl of an administrator, in a namespace of a test's own. */
class Site implements AsyncDisposable {
  readonly cluster: Cluster
  readonly namespace: string
  readonly helm: Helm

  private constructor(cluster: Cluster, namespace: string, helm: Helm) {
    this.cluster = cluster
    this.namespace = namespace
    this.helm = helm
  }

  static async open(cluster: Cluster, name: string): Promise<Site> {
    const site = new Site(cluster, `${name}-${run}`, await Helm.open())
    await site.kubectl('create', 'namespace', site.namespace)
    // Where Kubernetes judges pods (since 1.23), none gets in that asks for more than it should.
    const restricted = 'pod-security.kubernetes.io/enforce=restricted'
    await site.kubectl('label', 'namespace', site.namespace, restricted)
    return site
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return mustRun(this.cluster.kubectl, [...this.#flags, ...args], { timeoutMs: 180_000 })
  }

  apply(text: string, ...flags: readonly string[]): Promise<string> {
    return mustRun(this.cluster.kubectl, [...this.#flags, 'apply', '-f', '-', ...flags], {
      input: text,
    })
  }

  tryHelm(...args: readonly string[]): Promise<Finished> {
    return this.helm.run('--kubeconfig', this.cluster.kubeconfig, '-n', this.namespace, ...args)
  }

  async mustHelm(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryHelm(...args)
    expect(code, `${stderr}\n${await this.kubectl('get', 'pods,events').catch(String)}`).toBe(0)
    return stdout
  }

  async chart(name: string, values: object): Promise<string[]> {
    return [join(ROOT, 'charts', name), '-f', await this.helm.values(values)]
  }

  get #flags(): string[] {
    return ['--kubeconfig', this.cluster.kubeconfig, '-n', this.namespace]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kubectl('delete', 'namespace', this.namespace, '--wait=false')
    await this.helm[Symbol.asyncDispose]()
  }
}

describe.skipIf(missing.length > 0)(
  `the charts, installed${missing.length === 0 ? '' : ` (${missing.join(', ')})`}`,
  () => {
    const image = new PodImage()
    beforeAll(() => image.bring([IMAGE, DEFAULT_IMAGE], clusters))
    afterAll(() => image[Symbol.asyncDispose]())

    describe.each(CLUSTER_VERSIONS)('on Kubernetes %s', (version) => {
      const cluster = (): Cluster => clusters.find((one) => one.version === version) as Cluster
      describe('every object', () => everyObject(cluster))
      describe('teleport-cluster', () => inOnePod(cluster))
    })
    describe('teleport-kube-agent', () =>
      agentInside(() => clusters.find(({ version }) => version === '1.35') as Cluster))
    describe('the words of the page', () =>
      wordsOfThePage(() => clusters.find(({ version }) => version === '1.35') as Cluster))
  },
)

/** The API server's own judgement, of what no pod needs to show. */
function everyObject(cluster: () => Cluster): void {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(cluster(), 'chart-dry')
  })
  afterAll(() => site[Symbol.asyncDispose]())

  const more = {
    highAvailability: { podDisruptionBudget: { enabled: true } },
    labels: { env: 'prod' },
    tls: { existingCASecretName: 'our-ca' },
    nodeSelector: { disk: 'ssd' },
    resources: { limits: { memory: '256Mi' } },
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['proxy.example.com'] }],
    initContainers: [{ name: 'first', image: 'busybox' }],
    extraVolumes: [{ name: 'more', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
    extraEnv: [{ name: 'A', value: 'b' }],
  }
  it.each([
    ['teleport-cluster', { clusterName: 'teleport.example.com' }, 10],
    ['teleport', {}, 10],
    [
      'teleport-kube-agent',
      {
        proxyAddr: 'teleport.example.com:443',
        authToken: '866c6c114724a0fa4d4d73216afd99fb',
        kubeClusterName: 'prod',
        adminClusterRoleBinding: { create: true },
        storage: { enabled: true },
      },
      15,
    ],
  ])('of %s is what the API server takes', async (chart, values, least) => {
    const given = await site.chart(chart, { ...values, ...more })
    const text = await site.mustHelm('template', 'rel', '--validate', ...given)
    const said = await site.apply(text, '--dry-run=server')
    const created = said.trim().split('\n')
    expect(created.length).toBeGreaterThanOrEqual(least)
    for (const line of created) expect(line).toMatch(/ created \(server dry run\)$/)
  })
}

/** Option 2: everything in one pod, with the pod's ServiceAccount. */
function inOnePod(cluster: () => Cluster): void {
  const stack = new AsyncDisposableStack()
  let site: Site
  let home: string
  let ports: { web: number; kube: number }
  let said: string

  beforeAll(async () => {
    site = stack.use(await Site.open(cluster(), 'chart-cluster'))
    home = await mkdtemp(join(tmpdir(), 'chart-person-'))
    stack.defer(() => rm(home, { recursive: true, force: true }))
    ports = { web: await freePort(), kube: await freePort() }
    said = await site.mustHelm('install', 'tp', ...(await chart({})), '--wait', '--timeout=150s')
    stack.defer(async () => void (await site.tryHelm('uninstall', 'tp')))
    const forward = new Running(site.cluster.kubectl, [
      ...['--kubeconfig', site.cluster.kubeconfig, '-n', site.namespace, 'port-forward', 'svc/tp'],
      ...[`${ports.web}:443`, `${ports.kube}:3026`],
    ])
    stack.use(forward)
    await forward.until(
      ({ stdout }) => stdout.includes(`:${ports.web} `) && stdout.includes(`:${ports.kube} `),
    )
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const chart = (more: object): Promise<string[]> =>
    site.chart('teleport-cluster', {
      ...OURS,
      clusterName: 'pod.example.com',
      kubeClusterName: 'inner',
      publicAddr: [`127.0.0.1:${ports.web}`],
      kubePublicAddr: [`127.0.0.1:${ports.kube}`],
      authentication: { secondFactor: 'off' },
      persistence: { enabled: false },
      service: { type: 'ClusterIP' },
      labels: { env: 'dev' },
      ...more,
    })
  const tctl = (...args: readonly string[]): Promise<string> =>
    site.kubectl('exec', 'deploy/tp', '--', 'tctl', ...args)
  const podNames = async (): Promise<string[]> =>
    (await site.kubectl('get', 'pods', '-o', 'name')).trim().split('\n')
  const person = (): Record<string, string | undefined> => ({
    HOME: home,
    KUBECONFIG: undefined,
    TELEPORT_HOME: undefined,
  })
  const kubectl = (...args: readonly string[]): Promise<Finished> =>
    runProgram(site.cluster.kubectl, ['-n', site.namespace, ...args], { env: person() })

  it('says how to go on', () => {
    expect(said).toContain(`tsh login --proxy=127.0.0.1:${ports.web} --user=alice`)
    expect(said).toContain('WARNING: persistence is off')
  })

  it('serves the cluster that it runs in, with nothing but the right to impersonate', async () => {
    await expect.poll(() => tctl('kube', 'ls'), PATIENTLY).toMatch(/inner +env=dev +healthy/)
    // As a container engine would ask.
    const [, ...healthcheck] = imageConfig.Healthcheck.Test
    await site.kubectl('exec', 'deploy/tp', '--', ...healthcheck)
    const account = `system:serviceaccount:${site.namespace}:tp`
    for (const verb of [
      ['get', 'secrets'],
      ['list', 'pods'],
      ['create', 'pods'],
    ]) {
      const can = ['auth', 'can-i', ...verb, `--as=${account}`]
      expect(await site.kubectl(...can).catch(String)).toMatch(/\bno\b/)
    }
    expect(await site.kubectl('logs', 'deploy/tp')).not.toMatch(/lacks rights|may do everything/)
  })

  it('gives a person who logs in what Kubernetes gives him, exec included', async () => {
    await site.kubectl(
      'create',
      'role',
      'devs',
      '--verb=get,list,create',
      '--resource=pods,pods/exec',
    )
    await site.kubectl('create', 'rolebinding', 'devs', '--role=devs', '--group=developers')
    const pin = /sha256:[0-9a-f]{64}/.exec(await tctl('status'))?.[0] ?? ''
    const link = /https:\S+/.exec(await tctl('users', 'add', 'alice', '--k8s-groups=developers'))
    const at = {
      cwd: home,
      env: { ...person(), PATH: `${join(ROOT, 'bin')}:${process.env['PATH']}` },
    }
    await typeAtTerminal(
      `tsh invite ${link?.[0]}`,
      [
        ['(yes/no', pin],
        ['New password', PASSWORD],
        ['The same again', PASSWORD],
      ],
      at,
    )
    await typeAtTerminal(
      `tsh login --proxy=127.0.0.1:${ports.web} --user=alice`,
      [
        ['(yes/no', pin],
        ['Password for alice', PASSWORD],
      ],
      at,
    )
    expect((await runProgram(TSH, ['kube', 'ls'], { env: person() })).stdout).toContain('inner')
    const seen = await kubectl('get', 'pods', '-o', 'name')
    expect(seen, seen.stderr).toMatchObject({ code: 0 })
    expect(seen.stdout.trim().split('\n')).toEqual(await podNames())
    const [pod = ''] = await podNames()
    const ran = await kubectl('exec', basename(pod), '--', 'tctl', 'version')
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: `${ownVersion()}\n` })
    expect((await kubectl('get', 'secrets')).stderr).toContain('User "alice" cannot list')
    const { auditLog } = site.cluster
    if (auditLog !== null) {
      const events = await apiServerAudit(site.cluster)
      const asked = events.filter(
        ({ impersonatedUser, objectRef }) =>
          impersonatedUser?.username === 'alice' && objectRef?.namespace === site.namespace,
      )
      expect(new Set(asked.map(({ user }) => user.username))).toEqual(
        new Set([`system:serviceaccount:${site.namespace}:tp`]),
      )
    }
  })

  it('does not touch what runs when the new configuration is wrong', async () => {
    const before = await podNames()
    const wrong = await chart({ teleportConfig: { auth_service: { cluster_nam: 'x' } } })
    const { code, stderr } = await site.tryHelm('upgrade', 'tp', ...wrong, '--timeout=60s')
    expect(code, stderr).not.toBe(0)
    expect(stderr).toMatch(/pre-upgrade hooks? failed/)
    expect(await podNames()).toEqual(expect.arrayContaining(before))
    const logged = await site.kubectl('logs', 'job/tp-config-check')
    expect(logged).toContain('auth_service.cluster_nam: is not a known key')
  })
}

/** Option 1: the proxy is outside, and the agent in the cluster dials out to it. */
function agentInside(cluster: () => Cluster): void {
  const stack = new AsyncDisposableStack()
  let site: Site
  let outside: TestDaemon
  let proxyAddr: string
  let signed: string

  beforeAll(async () => {
    site = stack.use(await Site.open(cluster(), 'chart-agent'))
    const web = await freePort()
    proxyAddr = `${addressForPods()}:${web}`
    outside = stack.use(
      await TestDaemon.start({
        kubeconfig: '',
        config: {
          proxy_service: { web_listen_addr: `0.0.0.0:${web}`, public_addr: proxyAddr },
          kubernetes_service: { enabled: false, kubeconfig_file: undefined },
        },
      }),
    )
    await outside.tctl('users', 'add', 'alice', '--k8s-groups=developers')
    await site.kubectl(
      'create',
      'role',
      'devs',
      '--verb=get,list,create',
      '--resource=pods,pods/exec',
    )
    await site.kubectl('create', 'rolebinding', 'devs', '--role=devs', '--group=developers')
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  const newToken = async (): Promise<{ token: string; pins: string[]; name: string }> => {
    const made = JSON.parse(
      await outside.tctl('tokens', 'add', '--type=kube', '--ttl=10m', '--format=json'),
    ) as { token: string; ca_pins: string[]; resource: { metadata: { name: string } } }
    return { token: made.token, pins: made.ca_pins, name: made.resource.metadata.name }
  }
  const kubectl = (...args: readonly string[]): Promise<Finished> =>
    runProgram(site.cluster.kubectl, ['--kubeconfig', signed, '-n', site.namespace, ...args], {
      env: { HOME: outside.directory },
    })
  const rolledOut = async (): Promise<void> => {
    const waited = ['rollout', 'status', 'statefulset/agent', '--timeout=90s']
    await site.kubectl(...waited).catch(async (error: unknown) => {
      throw new Error(await site.kubectl('logs', 'agent-0').catch(String), { cause: error })
    })
  }
  const secretNames = (): Promise<string> => site.kubectl('get', 'secrets', '-o', 'name')
  const settings = (): string[] => [
    ...['roles=kube', `proxyAddr=${proxyAddr}`, 'kubeClusterName=inside', 'labels.env=dev'],
    ...[`image=${IMAGE}`, 'imagePullPolicy=Never'],
  ]

  it('joins by a token, and people reach the cluster through the proxy', async () => {
    const { token, pins, name } = await newToken()
    const flags = [...settings(), `authToken=${token}`, `caPin={${pins.join(',')}}`]
    await site.mustHelm(
      ...['install', 'agent', join(ROOT, 'charts/teleport-kube-agent'), '--timeout=150s'],
      ...flags.flatMap((flag) => ['--set', flag]),
    )
    stack.defer(async () => void (await site.tryHelm('uninstall', 'agent')))
    await rolledOut()
    await expect
      .poll(() => outside.tctl('kube', 'ls'), PATIENTLY)
      .toMatch(/inside +env=dev +healthy/)
    signed = await outside.sign('alice', '--ttl=1h')
    const seen = await kubectl('get', 'pods', '-o', 'name')
    expect(seen, seen.stderr).toMatchObject({ code: 0, stdout: 'pod/agent-0\n' })
    const ran = await kubectl('exec', 'agent-0', '--', 'tctl', 'version')
    expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: `${ownVersion()}\n` })
    expect((await kubectl('get', 'secrets')).stderr).toContain('User "alice" cannot list')
    await outside.tctl('tokens', 'rm', name)
  })

  it('keeps its identity in the Secret of its pod, and the token in no other', async () => {
    expect((await secretNames()).trim().split('\n')).toContain('secret/agent-0-state')
    const kept = await site.kubectl('get', 'secret', 'agent-0-state', '-o', 'json')
    const { data } = JSON.parse(kept) as { data: Record<string, string> }
    const identity = Buffer.from(data['identity.json'] ?? '', 'base64').toString('utf8')
    expect(identity).toContain('PRIVATE KEY')
    const logged = await site.kubectl('logs', 'agent-0')
    expect(logged).not.toMatch(/[0-9a-f]{48}|PRIVATE KEY/)
  })

  it('needs no token again: not for an upgrade, and not for a new pod', async () => {
    // Whether the agent stands, or its way to the proxy is cut, kubectl's words and its own log say.
    onTestFailed(async () => {
      console.error((await kubectl('get', 'pods')).stderr)
      console.error(await site.kubectl('logs', 'agent-0').catch(String))
    })
    const flags = [...settings(), 'labels.tier=one']
    await site.mustHelm(
      ...['upgrade', 'agent', join(ROOT, 'charts/teleport-kube-agent'), '--timeout=150s'],
      ...flags.flatMap((flag) => ['--set', flag]),
    )
    await rolledOut()
    await expect.poll(() => outside.tctl('kube', 'ls'), PATIENTLY).toMatch(/inside .*tier=one/)
    await site.kubectl('delete', 'secret', 'teleport-kube-agent-join-token')
    await site.kubectl('delete', 'pod', 'agent-0')
    await rolledOut()
    await expect
      .poll(() => kubectl('get', 'pods', '-o', 'name'), PATIENTLY)
      .toMatchObject({ code: 0, stdout: 'pod/agent-0\n' })
  })

  it('takes its state away at the end', async () => {
    await site.mustHelm('uninstall', 'agent', '--wait', '--timeout=150s')
    expect(await secretNames()).not.toContain('-state')
    expect(await site.kubectl('get', 'serviceaccounts,roles', '-o', 'name')).not.toContain('agent')
    await expect.poll(() => outside.tctl('kube', 'ls'), PATIENTLY).toMatch(/inside .*offline/)
    expect((await kubectl('get', 'pods')).stderr).toContain('inside')
  })
}

/** `helm repo add`, `helm install`: word for word, but for the address that the page has lost. */
function wordsOfThePage(cluster: () => Cluster): void {
  const stack = new AsyncDisposableStack()
  let site: Site
  let repository: ChartRepository
  const shell = (line: string): Promise<Finished> =>
    runProgram('sh', ['-ec', line], {
      env: {
        ...site.helm.env,
        HELM: helmPath ?? '',
        KUBECONFIG: site.cluster.kubeconfig,
        HELM_NAMESPACE: site.namespace,
      },
      timeoutMs: 180_000,
    })
  const type = async (line: string): Promise<string> => {
    const finished = await shell(`helm() { "$HELM" "$@"; }\n${line}`)
    expect(finished, finished.stderr).toMatchObject({ code: 0 })
    return finished.stdout
  }

  beforeAll(async () => {
    site = stack.use(await Site.open(cluster(), 'chart-words'))
    repository = stack.use(await ChartRepository.open())
    await packageCharts({ out: repository.directory, createdMs: Date.now() })
  })
  afterAll(() => stack[Symbol.asyncDispose]())

  it('finds the charts under their names', async () => {
    await type(`helm repo add teleport ${repository.url}`)
    const found = JSON.parse(await type('helm search repo teleport/ -o json')) as object[]
    expect(found).toMatchObject(
      ['teleport', 'teleport-cluster', 'teleport-kube-agent'].map((name) => ({
        name: `teleport/${name}`,
        version: ownVersion(),
        app_version: ownVersion(),
      })),
    )
    expect(await type('helm show values teleport/teleport-kube-agent')).toContain('proxyAddr')
  })

  it('connects a cluster to a gateway elsewhere, by a static token (option 1)', async () => {
    const [web, kube] = [await freePort(), await freePort()]
    const proxyAddr = `${addressForPods()}:${web}`
    const token = randomBytes(24).toString('hex')
    // As where the web port has a certificate of the company's own authority: nobody needs a pin.
    const { key, certificate, ca } = await serverCertificate(addressForPods())
    const keys = await mkdtemp(join(tmpdir(), 'chart-keys-'))
    stack.defer(() => rm(keys, { recursive: true, force: true }))
    const file = (name: string): string => join(keys, name)
    await writeFile(file('web.key'), key, { mode: 0o600 })
    await writeFile(file('web.pem'), certificate)
    await writeFile(file('ca.pem'), ca)
    await using gateway = await TestDaemon.start({
      kubeconfig: '',
      config: {
        auth_service: { tokens: [`kube:${token}`] },
        proxy_service: {
          web_listen_addr: `0.0.0.0:${web}`,
          public_addr: proxyAddr,
          https_keypairs: [{ key_file: file('web.key'), cert_file: file('web.pem') }],
          kube_listen_addr: `0.0.0.0:${kube}`,
          kube_public_addr: `127.0.0.1:${kube}`,
        },
        kubernetes_service: { enabled: false, kubeconfig_file: undefined },
      },
    })
    const namespace = `teleport-${run}`
    stack.defer(
      async () =>
        void (await site.kubectl('delete', 'namespace', namespace, '--wait=false').catch(String)),
    )
    await site.kubectl('create', 'namespace', namespace)
    const secret = ['create', 'secret', 'generic', 'our-ca', '-n', namespace]
    await site.kubectl(...secret, `--from-file=ca.pem=${file('ca.pem')}`)
    await type(`JOIN_TOKEN=${token} KUBERNETES_CLUSTER_NAME=prod
helm install teleport-kube-agent teleport/teleport-kube-agent \\
  --namespace ${namespace} \\
  --create-namespace \\
  --set roles=kube \\
  --set proxyAddr=${proxyAddr} \\
  --set authToken=$JOIN_TOKEN \\
  --set kubeClusterName=$KUBERNETES_CLUSTER_NAME \\
  --set tls.existingCASecretName=our-ca`)
    await expect.poll(() => gateway.tctl('kube', 'ls'), PATIENTLY).toMatch(/^prod .*healthy/m)
    await gateway.tctl('users', 'add', 'joe', '--k8s-groups=system:masters')
    const seen = await runProgram(
      site.cluster.kubectl,
      ['--kubeconfig', await gateway.sign('joe'), '-n', namespace, 'get', 'pods', '-o', 'name'],
      { env: { HOME: gateway.directory } },
    )
    expect(seen, seen.stderr).toMatchObject({ code: 0, stdout: 'pod/teleport-kube-agent-0\n' })
    await type(`helm uninstall teleport-kube-agent --namespace ${namespace} --wait`)
  })

  it('installs teleport/teleport, whose state outlives the pod and the release', async () => {
    stack.use(await openHostVolume(site.cluster, { namespace: site.namespace, name: 'teleport' }))
    stack.defer(async () => void (await site.kubectl('delete', 'pvc', 'teleport', '--wait=false')))

    await type('helm install teleport teleport/teleport')
    stack.defer(async () => void (await site.tryHelm('uninstall', 'teleport')))
    const ready = (): Promise<string> =>
      site.kubectl('rollout', 'status', 'deploy/teleport', '--timeout=120s')
    await ready()
    const tctl = (...args: string[]): Promise<string> =>
      site.kubectl('exec', 'deploy/teleport', '--', 'tctl', ...args)
    const status = await tctl('status')
    expect(status).toContain(`teleport.${site.namespace}.svc.cluster.local`)
    await tctl('users', 'add', 'alice', '--k8s-groups=developers')

    await type('helm uninstall teleport --wait')
    expect(await site.kubectl('get', 'pvc', '-o', 'name')).toContain('/teleport')
    await type('helm install teleport teleport/teleport')
    await ready()
    expect(await tctl('users', 'ls')).toContain('alice')
    expect(await tctl('status')).toBe(status)
  })
}
