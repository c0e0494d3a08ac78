import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { ApiClient, readAdminIdentity } from '../../src/client/index.ts'
import { authServerName } from '../../src/protocol/index.ts'
import { serverCertificate } from '../support/certificates.ts'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { type Finished, mustRun, runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import { startBox } from './support/box.ts'
import {
  ABSENT,
  CLUSTER_VERSIONS,
  clusters,
  contextOf,
  KUBECTL_VERSIONS,
  kubectls,
  mergedKubeconfig,
} from './support/environment.ts'
import { Person, TSH } from './support/person.ts'
import { Relay } from './support/relay.ts'

const CLUSTER = 'e2e.example.com'
const PASSWORD = 'a horse, a battery and a staple'

const missing = [
  ...CLUSTER_VERSIONS.filter((version) => !clusters.some((one) => one.version === version)).map(
    (version) => `no Kubernetes ${version} here`,
  ),
  ...KUBECTL_VERSIONS.filter((version) => !kubectls.some((one) => one.version === version)).map(
    (version) => `no kubectl ${version} here`,
  ),
]
/** Mounting needs it, and only real mounts are read-only or full for root too. */
const isRoot = process.getuid?.() === 0

describe.skipIf(missing.length > 0)(
  `tsh, with real clusters and kubectls${missing.length === 0 ? '' : ` (${missing.join(', ')})`}`,
  people,
)

function people(): void {
  let directory: string
  let daemon: TestDaemon
  let pin: string
  let removeBox: () => Promise<void>
  const namespace = `tsh-${Date.now().toString(36)}`
  const cluster = clusters.find(({ version }) => version === '1.35') ?? ABSENT
  const context = `${CLUSTER}-${contextOf(cluster)}`

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'e2e-tsh-'))
    daemon = await start(await mergedKubeconfig(directory))
    pin = await pinOf(daemon)
    await addUser(daemon, 'joe')
    removeBox = await startBox(cluster, namespace)
  })
  afterAll(async () => {
    await removeBox()
    await daemon[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  })

  const start = (kubeconfig: string): Promise<TestDaemon> =>
    TestDaemon.start({
      kubeconfig,
      labels: { env: 'test' },
      config: { auth_service: { authentication: { type: 'local', second_factor: 'off' } } },
    })

  async function pinOf(of: TestDaemon): Promise<string> {
    const status = JSON.parse(await of.tctl('status', '--format=json')) as { ca_pins: string[] }
    return status.ca_pins[0] ?? ''
  }

  /** A user whose password is set, as his link lets him do it. */
  async function addUser(of: TestDaemon, name: string): Promise<void> {
    await of.tctl('users', 'add', name, '--k8s-groups=system:masters')
    using admin = new ApiClient(await readAdminIdentity(join(of.directory, 'data')))
    const { token } = await admin.call('users.invites.create', {
      params: { name },
      body: { kind: 'invite' },
    })
    await admin.call('invites.accept', { body: { token, password: PASSWORD } })
  }

  let people = 0
  async function somebody(): Promise<Person> {
    people += 1
    const home = join(directory, `home ${people}`)
    await mkdir(home)
    return new Person(home)
  }

  const at = (port = daemon.ports.web): string[] => [`--proxy=127.0.0.1:${port}`, '--user=joe']
  const login = (person: Person, ...flags: readonly string[]): Promise<Finished> =>
    person.tshReading(`${PASSWORD}\n`, 'login', ...at(), '--password-stdin', ...flags)
  const succeed = (finished: Finished): string => {
    expect(finished, finished.stderr).toMatchObject({ code: 0 })
    return finished.stdout
  }

  it('one login, and every kubectl reaches every cluster; exec too', async () => {
    const joe = await somebody()
    succeed(await login(joe, `--ca-pin=${pin}`))
    for (const kubectl of kubectls.filter(({ version }) => isProven(version))) {
      for (const each of clusters) {
        const name = `${CLUSTER}-${contextOf(each)}`
        const got = await joe.run(
          kubectl.path,
          '--context',
          name,
          'get',
          'namespaces',
          '-o',
          'name',
        )
        expect(succeed(got), `kubectl ${kubectl.version}`).toContain('namespace/kube-system')
      }
      const line = [
        '--context',
        context,
        '-n',
        namespace,
        'exec',
        'box',
        '--',
        'sh',
        '-c',
        'echo in; exit 3',
      ]
      const ran = await joe.run(kubectl.path, ...line)
      expect(ran, `kubectl ${kubectl.version}`).toMatchObject({ code: 3, stdout: 'in\n' })
    }
  })

  it('kube login switches between clusters, logout leaves nothing of it', async () => {
    const joe = await somebody()
    await mkdir(join(joe.home, '.kube'))
    const mine = '# mine\ncontexts:\n- name: home\n  context: {cluster: x}\ncurrent-context: home\n'
    await writeFile(join(joe.home, '.kube', 'config'), mine)
    succeed(await login(joe, `--ca-pin=${pin}`))
    for (const each of clusters) {
      succeed(await joe.tsh('kube', 'login', contextOf(each)))
      const { stdout } = await joe.run(each.kubectl, 'version', '-o', 'json')
      const { serverVersion } = JSON.parse(stdout) as { serverVersion: { gitVersion: string } }
      expect(serverVersion.gitVersion).toContain(each.version)
    }
    const ls = JSON.parse(
      succeed(await joe.tsh('kube', 'ls', 'env=test', '--format=json')),
    ) as object[]
    expect(ls).toHaveLength(clusters.length)
    succeed(await joe.tsh('logout'))
    expect(await joe.kubeconfig()).toBe(`${mine}clusters: []\nusers: []\n`)
  })

  it('an identity file of --out works for tsh, and a kubeconfig of --out for kubectl', async () => {
    const joe = await somebody()
    const [identity, kubeconfig] = [join(joe.home, 'identity'), join(joe.home, 'kubeconfig')]
    succeed(await login(joe, `--ca-pin=${pin}`, `--out=${identity}`))
    succeed(await login(joe, `--ca-pin=${pin}`, `--out=${kubeconfig}`, '--format=kubernetes'))
    expect((await readdir(joe.home)).toSorted()).toEqual(['identity', 'kubeconfig'])
    const ls = await joe.tsh(
      'kube',
      'ls',
      '-q',
      '-i',
      identity,
      `--proxy=127.0.0.1:${daemon.ports.web}`,
    )
    expect(succeed(ls)).toContain(contextOf(cluster))
    const got = await joe.run(
      cluster.kubectl,
      '--kubeconfig',
      kubeconfig,
      '--context',
      context,
      'get',
      'ns',
    )
    expect(succeed(got)).toContain('kube-system')
  })

  it('names with quotes, line breaks and shell in them arrive at kubectl as they are', async () => {
    const joe = await somebody()
    succeed(await login(joe, `--ca-pin=${pin}`))
    const names = [
      `it's "quoted"`,
      'a\nb: c',
      '$(id) `id` ${HOME}',
      'no',
      '0x1f',
      '- x # y',
      'é\u2028😀',
      '*a &b !c',
    ]
    for (const name of names) {
      succeed(await joe.tsh('kube', 'login', contextOf(cluster), `--set-context-name=${name}`))
      for (const kubectl of kubectls.filter(({ version }) => isProven(version))) {
        const { stdout } = await joe.run(kubectl.path, 'config', 'view', '-o', 'json')
        const view = JSON.parse(stdout) as {
          'current-context': string
          contexts: { name: string }[]
        }
        expect(view['current-context'], `kubectl ${kubectl.version}`).toBe(name)
        expect(view.contexts.map((each) => each.name)).toContain(name)
      }
      expect(succeed(await joe.run(cluster.kubectl, 'get', 'ns'))).toContain('kube-system')
    }
    succeed(await joe.tsh('logout'))
    expect(parse(await joe.kubeconfig())).toMatchObject({ contexts: [], users: [], clusters: [] })
  })

  const contextsOf = async (joe: Person): Promise<string[]> => {
    const { contexts } = parse(await joe.kubeconfig()) as { contexts: { name: string }[] }
    expect(await readdir(join(joe.home, '.kube'))).not.toContain('config.lock')
    return contexts.map(({ name }) => name)
  }
  const selectAs = (joe: Person, names: readonly string[]): Promise<Finished[]> =>
    Promise.all(
      names.map((name) =>
        joe.tsh('kube', 'login', contextOf(cluster), `--set-context-name=${name}`),
      ),
    )

  it('fifty tsh at once lose no entry', async () => {
    const joe = await somebody()
    succeed(await login(joe, `--ca-pin=${pin}`))
    succeed(await joe.run(cluster.kubectl, 'config', 'set-context', 'home', '--cluster=x'))
    const names = Array.from({ length: 50 }, (_, n) => `n${n}`)
    for (const finished of await selectAs(joe, names)) succeed(finished)
    expect(await contextsOf(joe)).toEqual(expect.arrayContaining([...names, 'home']))
  })

  it('tsh loses nothing of what kubectl writes at the same moment', async () => {
    const joe = await somebody()
    succeed(await login(joe, `--ca-pin=${pin}`))
    const foreign = Array.from({ length: 5 }, (_, n) => `foreign${n}`)
    const names = Array.from({ length: 15 }, (_, n) => `n${n}`)
    const selecting = selectAs(joe, names)
    // One after the other, and nothing is asked of the entries of tsh: kubectl takes out whatever came between its reading
    // and its lock, also of other kubectls. It does not wait for the lock, so it may have to be asked again.
    for (const name of foreign) {
      for (let code = 1; code !== 0; ) {
        const args = ['config', 'set-context', name, '--cluster=x']
        code = (await joe.run(cluster.kubectl, ...args)).code
      }
    }
    for (const finished of await selecting) succeed(finished)
    expect(await contextsOf(joe)).toEqual(expect.arrayContaining(foreign))
  })

  it('a login that has ended leads every kubectl to tsh login, in words, once', async () => {
    const joe = await somebody()
    succeed(await login(joe, `--ca-pin=${pin}`))
    await joe.expire()
    for (const kubectl of kubectls.filter(({ version }) => isProven(version))) {
      const cache = join(joe.home, `cache-${kubectl.version}`)
      const got = await joe.run(
        kubectl.path,
        `--cache-dir=${cache}`,
        '--context',
        context,
        'get',
        'pods',
      )
      expect(got.code, `kubectl ${kubectl.version}`).toBe(1)
      const words = got.stderr.split('\n').filter((line) => line.startsWith('tsh: '))
      expect(words, `kubectl ${kubectl.version}`).toEqual([
        `tsh: the login of joe at 127.0.0.1:${daemon.ports.web} ended 3m ago`,
        `tsh: log in again: tsh login --proxy=127.0.0.1:${daemon.ports.web} --user=joe`,
      ])
    }
  })

  it('at a terminal the login renews itself inside of kubectl', async () => {
    const joe = await somebody()
    succeed(await login(joe, `--ca-pin=${pin}`))
    for (const kubectl of kubectls.filter(({ version }) => isProven(version))) {
      await joe.expire()
      const screen = await typeAtTerminal(
        `${kubectl.path} --context ${context} -n ${namespace} get pods -o name`,
        [['Password for joe: ', PASSWORD]],
        { cwd: joe.home, env: joe.env },
      )
      expect(screen, `kubectl ${kubectl.version}`).toContain('pod/box')
      expect(screen).not.toContain(PASSWORD)
    }
  })

  it('a login at a terminal asks for what is missing, and shows the pin before the password', async () => {
    const joe = await somebody()
    const screen = await typeAtTerminal(
      `${TSH} login --proxy=127.0.0.1:${daemon.ports.web}`,
      [
        ['User', 'joe'],
        ['(yes/no, or paste the pin)', 'yes'],
        ['Password for joe: ', PASSWORD],
      ],
      { cwd: joe.home, env: joe.env },
    )
    expect(screen).toContain(`Its CA pin is ${pin}.`)
    expect(screen.indexOf(pin)).toBeLessThan(screen.indexOf('Password'))
    expect(screen).not.toContain(PASSWORD)
    expect(screen).toContain('Logged in as:')
  })

  it('refusals at login: wrong password, wrong pin, no terminal, no proxy', async () => {
    const joe = await somebody()
    const wrong = await joe.tshReading(
      'wrong\n',
      'login',
      ...at(),
      `--ca-pin=${pin}`,
      '--password-stdin',
    )
    expect(wrong.code).toBe(4)
    expect(wrong.stderr).toMatch(/^tsh: .*(password|wrong|refused)/)
    const other = await login(joe, `--ca-pin=sha256:${'0'.repeat(64)}`)
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('is not the one that --ca-pin names. Nothing was sent.')
    const nobody = await joe.tsh('login', ...at())
    expect(nobody.code).toBe(1)
    expect(nobody.stderr).toContain('nobody is here to confirm it')
    const silent = await joe.tsh('login', ...at(), `--ca-pin=${pin}`)
    expect(silent.stderr).toContain('or give --password-stdin')
    const port = await freePort()
    const down = await joe.tsh('login', `--proxy=127.0.0.1:${port}`, '--user=joe')
    expect(down.stderr).toContain(`tsh: cannot reach the proxy at 127.0.0.1:${port}`)
    expect((await joe.tsh('status')).code).toBe(4)
  })

  it('a cluster that was set up anew behind the same address is refused until its pin is given', async () => {
    await using relay = await Relay.to(daemon.ports.web)
    await using second = await start(await mergedKubeconfig(directory, [cluster]))
    await addUser(second, 'joe')
    const joe = await somebody()
    const through = (...flags: readonly string[]): Promise<Finished> =>
      joe.tshReading(
        `${PASSWORD}\n`,
        'login',
        ...at(relay.port),
        '--ttl=60',
        '--password-stdin',
        ...flags,
      )
    succeed(await through(`--ca-pin=${pin}`))
    relay.target = second.ports.web
    const fresh = await pinOf(second)
    for (const flags of [[], ['--insecure']]) {
      const changed = await through(...flags)
      expect(changed.code).toBe(1)
      expect(changed.stderr).toContain('is not the one of your first login')
      expect(changed.stderr).toContain(pin)
      expect(changed.stderr).toContain(fresh)
    }
    const failed = (await second.events('--event=user.login')) as { success: boolean }[]
    expect(failed).toEqual([])
    succeed(await through(`--ca-pin=${fresh}`))
    relay.target = null
    const down = await joe.tsh('kube', 'ls')
    expect(down.code).toBe(1)
    expect(down.stderr).toContain('is the proxy running, and is this machine online?')
  })

  it('who moves the bytes of a login learns neither password nor key', async () => {
    await using relay = await Relay.to(daemon.ports.web)
    const joe = await somebody()
    const done = await joe.tshReading(
      `${PASSWORD}\n`,
      'login',
      ...at(relay.port),
      `--ca-pin=${pin}`,
      '--password-stdin',
    )
    succeed(done)
    const bytes = Buffer.concat(relay.seen)
    expect(bytes.length).toBeGreaterThan(5000)
    for (const secret of [PASSWORD, 'PRIVATE KEY', '"password"', '"user"']) {
      expect(bytes.includes(secret), secret).toBe(false)
    }
  })

  it('who ends the TLS of a login himself gets no password, though he shows the right authority', async () => {
    // He answers with what the real auth service says, and asks it whatever he is asked.
    const name = authServerName(CLUSTER)
    const { key, certificate } = await serverCertificate(name)
    const heard: Buffer[] = []
    const server = createTlsServer({ key, cert: certificate }, (socket) => {
      const isAuth = socket.servername === name
      const far = tlsConnect({
        port: daemon.ports.web,
        host: '127.0.0.1',
        servername: isAuth ? name : 'localhost',
        rejectUnauthorized: false,
      })
      socket.on('data', (chunk: Buffer) => {
        heard.push(chunk)
        far.write(chunk)
      })
      far.on('data', (chunk: Buffer) => socket.write(chunk))
      for (const each of [socket, far]) each.on('error', () => each.destroy())
      socket.on('close', () => far.destroy())
      far.on('close', () => socket.destroy())
    })
    const port = await freePort()
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
    try {
      const joe = await somebody()
      const flags = ['login', ...at(port), '--password-stdin']
      for (const trust of [[`--ca-pin=${pin}`], ['--insecure']]) {
        const got = await joe.tshReading(`${PASSWORD}\n`, ...flags, ...trust)
        expect(got.code).toBe(1)
        expect(got.stderr).toContain('is not the expected auth service')
      }
      // Known from elsewhere, then led to him.
      succeed(await login(joe, `--ca-pin=${pin}`))
      const tsh = join(joe.home, '.tsh', 'known-proxies.json')
      const known = await readFile(tsh, 'utf8')
      await writeFile(tsh, known.replaceAll(`:${daemon.ports.web}`, `:${port}`))
      const led = await joe.tshReading(`${PASSWORD}\n`, ...flags)
      expect(led.code).toBe(1)
      const text = Buffer.concat(heard).toString('latin1')
      expect(text).toContain('GET /v1/login')
      expect(text).not.toContain('POST')
      expect(text).not.toContain(PASSWORD)
    } finally {
      server.close()
    }
  })

  describe.skipIf(!isRoot)(
    `on disks that do not take everything${isRoot ? '' : ' (mounting needs root)'}`,
    () => {
      const mounted: string[] = []
      afterAll(async () => {
        for (const path of mounted) await mustRun('umount', [path])
      })
      async function mount(options: string): Promise<Person> {
        const joe = await somebody()
        await mustRun('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', joe.home])
        mounted.push(joe.home)
        return joe
      }
      const everything = async (joe: Person): Promise<Record<string, string>> => {
        const entries = await readdir(joe.home, { recursive: true, withFileTypes: true })
        const files = entries.filter((entry) => entry.isFile() && entry.name !== 'filler')
        const read = files.map(async ({ parentPath, name }) => {
          const path = join(parentPath, name)
          return [path, await readFile(path, 'utf8')] as const
        })
        return Object.fromEntries(await Promise.all(read))
      }

      it('a read-only home is said before anybody types a password; --out and TELEPORT_HOME help', async () => {
        const joe = await mount('ro')
        const refused = await login(joe, `--ca-pin=${pin}`)
        expect(refused.code).toBe(1)
        expect(refused.stderr).toMatch(/^tsh: cannot write to .*\.tsh: read-only file system/)
        expect(refused.stderr).toContain('TELEPORT_HOME names another directory')
        const out = join(directory, 'from a read-only home')
        succeed(await login(joe, `--ca-pin=${pin}`, `--out=${out}`))
      })

      it('a home that became read-only still serves the login that it has', async () => {
        const joe = await mount('size=1m')
        succeed(await login(joe, `--ca-pin=${pin}`))
        await mustRun('mount', ['-o', 'remount,ro', joe.home])
        succeed(
          await joe.run(
            cluster.kubectl,
            '--cache-dir=/tmp/none',
            '--context',
            context,
            'get',
            'ns',
          ),
        )
        succeed(await joe.tsh('kube', 'ls'))
        const select = await joe.tsh('kube', 'login', contextOf(cluster))
        expect(select.code).toBe(1)
        expect(select.stderr).toMatch(/cannot write the kubeconfig .*: read-only file system/)
      })

      it('a full disk is said, and leaves everything as it was', async () => {
        const joe = await mount('size=256k')
        succeed(await login(joe, `--ca-pin=${pin}`))
        const before = await everything(joe)
        const filler = join(joe.home, 'filler')
        await runProgram('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1k'])
        const full = await login(joe, '--ttl=60')
        expect(full.code).toBe(1)
        expect(full.stderr).toMatch(/^tsh: cannot write to .*\.tsh: no space left on device/)
        const select = await joe.tsh('kube', 'login', contextOf(cluster), '-n', 'x'.repeat(60_000))
        expect(select.code).toBe(1)
        expect(select.stderr).toMatch(/cannot write the kubeconfig .*: no space left on device/)
        expect(await everything(joe)).toEqual(before)
        await rm(filler)
        succeed(await login(joe, '--ttl=60'))
      })

      it('a home that is mounted noexec has credentials all the same', async () => {
        const joe = await mount('size=1m,noexec')
        succeed(await login(joe, `--ca-pin=${pin}`))
        expect(await joe.kubeconfig()).toContain('command: /bin/sh')
        succeed(await joe.run(cluster.kubectl, '--context', context, 'get', 'ns'))
      })
    },
  )
}

const isProven = (version: string): boolean =>
  (KUBECTL_VERSIONS as readonly string[]).includes(version)
