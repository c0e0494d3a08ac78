import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestDaemon } from '../support/daemon.ts'
import { freePort } from '../support/free-port.ts'
import { fileOfBlock, type GuideBlock, guideBlocks } from '../support/guide.ts'
import { Helm, helmPath } from '../support/helm.ts'
import { L7Balancer } from '../support/l7-balancer.ts'
import { Running, runProgram } from '../support/process.ts'
import { typeAtTerminal } from '../support/terminal.ts'
import { addressForPods } from './support/address-for-pods.ts'
import { ChartRepository } from './support/chart-repository.ts'
import { type Cluster, clusters, mergedKubeconfig } from './support/environment.ts'
import { openHostVolume } from './support/host-volume.ts'
import { PodImage } from './support/pod-image.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const BIN = join(ROOT, 'bin')
const GUIDES = join(ROOT, 'docs/guides')

const cluster = clusters.find(({ version }) => version === '1.35')
const missing = cluster === undefined ? 'no Kubernetes 1.35 here' : null

/** A person's shell: the product and kubectl on the PATH, a home of his own, the daemon's configuration in its place. */
class Reader implements AsyncDisposable {
  readonly directory: string
  readonly daemon: TestDaemon
  readonly kubeconfig: string
  readonly #kubectl: string

  private constructor(directory: string, daemon: TestDaemon, kubeconfig: string, kubectl: string) {
    this.directory = directory
    this.daemon = daemon
    this.kubeconfig = kubeconfig
    this.#kubectl = kubectl
  }

  static async open(real: Cluster): Promise<Reader> {
    const directory = await mkdtemp(join(tmpdir(), 'guide-'))
    const kubeconfig = await mergedKubeconfig(directory, [real])
    const daemon = await TestDaemon.start({
      kubeconfig,
      labels: { env: 'dev' },
      config: {
        auth_service: { authentication: { type: 'local', second_factor: 'off' } },
        kubernetes_service: { resources: [{ labels: { env: ['staging', 'prod'] } }] },
      },
    })
    return new Reader(directory, daemon, kubeconfig, real.kubectl)
  }

  get env(): Record<string, string> {
    return {
      PATH: [BIN, dirname(this.#kubectl), process.env['PATH']].join(delimiter),
      HOME: this.directory,
      KUBECONFIG: join(this.directory, '.kube/config'),
      TELEPORT_CONFIG_FILE: this.daemon.configFile,
    }
  }

  /** Runs the lines of a block, and expects that they succeed. Resolves to what they printed. */
  async run(lines: string): Promise<string> {
    const finished = await runProgram('bash', ['-euo', 'pipefail', '-c', lines], {
      cwd: this.directory,
      env: this.env,
      timeoutMs: 180_000,
    })
    expect(finished, `${lines}\n${finished.stderr}`).toMatchObject({ code: 0 })
    return finished.stdout
  }

  /** Runs one line at a terminal. */
  async type(line: string, answers: readonly (readonly [string, string])[]): Promise<void> {
    await typeAtTerminal(line, answers, { cwd: this.directory, env: this.env })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** What a page needs before it is read, and what stands for its examples. */
interface Page {
  /** Why it cannot be read on this machine. */
  readonly missing?: string | null
  before?(reader: Reader): Promise<void>
  /** Runs a block otherwise than by a shell; false: the shell does. */
  run?(reader: Reader, lines: string): Promise<boolean>
  after?(reader: Reader): Promise<void>
  /** Takes away what `before` made, whatever happened. */
  leave?(): Promise<void>
}

const pages: Readonly<Record<string, Page>> = {
  'users.md': {
    async after({ daemon }) {
      const users = JSON.parse(await daemon.tctl('get', 'users', '--format=json')) as {
        metadata: { name: string }
        spec: { traits?: Record<string, string[]> }
      }[]
      expect(users.map(({ metadata }) => metadata.name)).toEqual(['alice', 'joe'])
      expect(users[0]?.spec.traits?.['kubernetes_groups']).toEqual(['developers', 'viewers'])
    },
  },
  'policies.md': {
    async after({ daemon }) {
      const roles = await daemon.tctl('get', 'role/developer', '--format=yaml')
      expect(roles).toContain('env: prod')
    },
  },
  'labels.md': {},
  'add-clusters.md': addClusters(),
  'automation.md': {},
  'audit.md': {},
  'lock-out.md': {
    before: async (reader) => {
      await reader.run('tctl users add joe --k8s-groups=developers')
    },
    async run(reader, lines) {
      if (!lines.includes('lock/NAME')) return false
      const [lock] = JSON.parse(await reader.run('tctl get locks --format=json')) as {
        metadata: { name: string }
      }[]
      await reader.run(lines.replace('NAME', lock?.metadata.name ?? ''))
      expect(JSON.parse(await reader.run('tctl get locks --format=json'))).toEqual([])
      return true
    },
  },
  'administer.md': administer(),
  'turn-on.md': turnOn(),
  'login.md': login(),
  'load-balancer.md': loadBalancer(),
  'helm.md': helm(),
}

const PASSWORD = 'four unrelated words'

/** Without the configuration of the auth service, since the page is read somewhere else; variables last until its end. */
function administer(): Page {
  const exported: string[] = []
  return {
    async run(reader, lines) {
      const proxy = `127.0.0.1:${reader.daemon.ports.web}`
      const here = lines.replaceAll('teleport.example.com:3080', proxy)
      if (/^tctl (?:users add|auth sign)/.test(lines)) return false
      if (lines.startsWith('tctl edit')) {
        const editor = `export EDITOR="sed -i 's/changes nothing/looks on/'"`
        await reader.run(['unset TELEPORT_CONFIG_FILE', ...exported, editor, here].join('\n'))
        return true
      }
      const [first = '', ...rest] = here.split('\n')
      if (first.startsWith('export ')) exported.push(first)
      // The full screen needs a person; the line below it is for scripts.
      const typed = (first === 'tctl top' ? rest : [first, ...rest]).join('\n')
      const said = await reader.run(['unset TELEPORT_CONFIG_FILE', ...exported, typed].join('\n'))
      if (first === 'tctl top') expect(JSON.parse(said)).toMatchObject({ requests: 0 })
      return true
    },
    async after({ daemon }) {
      expect(await daemon.tctl('get', 'roles/auditor')).toContain('looks on')
    },
  }
}

/** An administrator with a cluster's kubeconfig; a person uses the cluster while it is there. */
function addClusters(): Page {
  return {
    before: async (reader) => {
      await writeFile(
        join(reader.directory, 'admin.kubeconfig'),
        await readFile(cluster?.kubeconfig ?? '', 'utf8'),
      )
      await reader.run('tctl users add alice --k8s-groups=system:masters')
    },
    async run(reader, lines) {
      if (!lines.startsWith('tctl kube ls')) return false
      await expect.poll(() => reader.run(lines)).toMatch(/^staging .*healthy/m)
      const kubeconfig = await reader.daemon.sign('alice')
      const get = `kubectl --kubeconfig=${kubeconfig} --context=e2e.example.com-staging get namespaces`
      expect(await reader.run(get)).toContain('kube-system')
      return true
    },
    async after({ daemon }) {
      const events = await daemon.events('--event=kube.create,kube.update,kube.read,kube.delete')
      expect(events.map(({ event }) => event).reverse()).toEqual([
        'kube.create',
        'kube.read',
        'kube.update',
        'kube.delete',
      ])
      const requests = await daemon.events('--user=alice', '--event=kube.request')
      expect(requests.map((request) => request['kubernetes_cluster'])).toContain('staging')
    },
  }
}

/** A person at a terminal; the page's proxy is the test's. */
function login(): Page {
  return {
    before: async (reader) => {
      await reader.run('tctl users add alice --k8s-groups=system:masters')
    },
    async run(reader, lines) {
      const proxy = `127.0.0.1:${reader.daemon.ports.web}`
      const line = lines.replace('teleport.example.com:3080', proxy)
      if (lines.startsWith('tsh invite')) {
        const [token] = /[0-9a-f]{32}/.exec(await reader.run('tctl users reset alice')) ?? ['']
        await reader.type(line.replace('TOKEN', token), [
          ['(yes/no', 'yes'],
          ['New password', PASSWORD],
          ['The same again', PASSWORD],
        ])
        return true
      }
      if (lines.startsWith('tsh login')) {
        await reader.type(line, [
          ['(yes/no', 'yes'],
          ['Password for alice', PASSWORD],
        ])
        return true
      }
      await reader.run(line)
      return true
    },
    async after(reader) {
      const events = await reader.daemon.events('--user=alice', '--event=kube.request')
      expect(events.map((event) => event['resource_kind'])).toContain('pods')
    },
  }
}

/** A person whose only way to the proxy is a balancer that ends TLS. */
function loadBalancer(): Page {
  const stack = new AsyncDisposableStack()
  let balancer: L7Balancer
  let local: Running | null = null
  return {
    async before(reader) {
      balancer = stack.use(await L7Balancer.before(reader.daemon.ports.web))
      await reader.run('tctl users add alice --k8s-groups=system:masters')
      const [token] = /[0-9a-f]{32}/.exec(await reader.run('tctl users reset alice')) ?? ['']
      const link = `https://127.0.0.1:${balancer.port}/web/reset/${token}`
      await reader.run(
        `printf '%s\\n' '${PASSWORD}' | tsh invite --insecure --password-stdin ${link}`,
      )
    },
    async run(reader, lines) {
      const here = lines.replace('teleport.example.com:443', `127.0.0.1:${balancer.port}`)
      if (here.startsWith('tsh login')) {
        const [login = '', ...rest] = here.split('\n')
        await reader.type(login, [
          ['(yes/no', 'yes'],
          ['Password for alice', PASSWORD],
        ])
        expect(await reader.run(rest.join('\n'))).toContain('v1-35')
        return true
      }
      if (here.startsWith('tsh proxy kube')) {
        local = stack.use(
          new Running('bash', ['-c', `exec ${here}`], {
            cwd: reader.directory,
            env: { ...process.env, ...reader.env },
          }),
        )
        await local.until(({ stdout }) => stdout.includes('export KUBECONFIG='))
        return true
      }
      const said = await reader.run(`${local?.stdout}\n${here}`)
      expect(said).toMatch(/kube-system[\s\S]*\nyes\n$/)
      return true
    },
    async after() {
      expect(await local?.end('SIGINT')).toBe(0)
    },
    leave: () => stack[Symbol.asyncDispose](),
  }
}

/** The page starts a daemon of its own; its ports and its data directory are the test's. */
function turnOn(): Page {
  let started: Running | null = null
  let diag = 0
  return {
    async run(reader, lines) {
      if (lines.startsWith('teleport configure')) {
        await reader.run(lines.replace('/secrets/kubeconfig', reader.kubeconfig))
        const file = join(reader.directory, 'teleport.yaml')
        const text = await readFile(file, 'utf8')
        const [auth, web, kube] = [await freePort(), await freePort(), await freePort()]
        const own = text
          .replaceAll('/var/lib/teleport', join(reader.directory, 'data'))
          .replace(/:3025\b/, `:${auth}`)
          .replace(/:3080\b/, `:${web}`)
          .replace(/:3026\b/, `:${kube}`)
        await writeFile(file, own)
        return true
      }
      if (lines.startsWith('teleport start')) {
        diag = await freePort()
        const line = lines.replace(':3000', `:${diag}`)
        const running = new Running('bash', ['-c', `exec ${line}`], {
          cwd: reader.directory,
          env: { ...process.env, ...reader.env },
        })
        started = running
        await running.until(({ stderr }) => stderr.includes('teleport is ready'))
        return true
      }
      if (!lines.includes(':3000')) return false
      const said = await reader.run(lines.replace(':3000', `:${diag}`))
      expect(said).toContain('v1-35')
      return true
    },
    async after() {
      expect(await started?.end('SIGTERM')).toBe(0)
    },
  }
}

/** An administrator of the cluster, and a namespace that is the test's. */
function helm(): Page {
  const stack = new AsyncDisposableStack()
  const joining: Record<string, string> = {}
  let web = 0
  let tunnel = 0
  const namespace = `guide-${Date.now().toString(36)}${process.pid.toString(36)}`
  const tag = `docker.io/local/teleport:${namespace}`
  let repository: ChartRepository
  let charts: Helm
  const missing =
    helmPath === null
      ? 'no helm here'
      : (cluster?.containerd ?? null) === null
        ? 'the cluster takes no images from here'
        : null
  return {
    missing,
    async before(reader) {
      if (missing !== null || cluster === undefined) return
      repository = stack.use(await ChartRepository.open())
      charts = stack.use(await Helm.open())
      const image = stack.use(new PodImage())
      await image.bring([tag], [cluster])
      stack.use(await openHostVolume(cluster, { namespace, name: 'teleport' }))
      const admin = ['kubectl', '--kubeconfig', cluster.kubeconfig].join(' ')
      stack.defer(async () => {
        const both = `${namespace} ${namespace}-agent`
        await reader.run(`${admin} delete namespace ${both} --ignore-not-found --wait=false`)
      })
      web = await freePort()
      tunnel = await freePort()
    },
    async run(reader, lines) {
      const here = lines
        .replaceAll('https://charts.example.com', repository.url)
        .replaceAll('--namespace teleport', `--namespace ${namespace}`)
        .replace('--out=dist/charts', `--out=${repository.directory}`)
        // A tag of its own: other tests bring and take away the default.
        .replaceAll(
          /-f values.yaml|--set roles=kube/g,
          `$& --set image=${tag},imagePullPolicy=Never`,
        )
        // What a load balancer would lead to.
        .replaceAll('-f values.yaml', `$& --set tunnelPublicAddr[0]=${addressForPods()}:${tunnel}`)
        .replace('proxyAddr=teleport.example.com:443', `proxyAddr=${addressForPods()}:${web}`)
        .replace('npm run', `npm --prefix ${ROOT} run -s`)
      if (lines.includes('authToken')) stack.use(await balancer())
      const settings = {
        ...charts.env,
        ...joining,
        KUBECONFIG: cluster?.kubeconfig,
        HELM: helmPath,
      }
      const exports = Object.entries(settings).map(([name, value]) => `export ${name}=${value}`)
      const said = await reader.run([...exports, 'helm() { "$HELM" "$@"; }', here].join('\n'))
      if (lines.includes('tctl status')) expect(said).toContain('teleport.example.com')
      if (lines.includes('tokens add')) {
        expect(said).toContain('helm install teleport-kube-agent teleport/teleport-kube-agent')
        joining['JOIN_TOKEN'] = /authToken=(\S+)/.exec(said)?.[1] ?? ''
        joining['CA_PIN'] = /sha256:[0-9a-f]{64}/.exec(said)?.[0] ?? ''
      }
      if (lines.includes('kube ls')) expect(said).toMatch(/staging +(?!offline)\w/)
      return true
    },
    leave: () => stack[Symbol.asyncDispose](),
  }

  async function balancer(): Promise<Running> {
    const flags = ['--kubeconfig', cluster?.kubeconfig ?? '', '-n', namespace, 'port-forward']
    const ways = [`${web}:443`, `${tunnel}:3024`]
    const running = new Running(cluster?.kubectl ?? '', [
      ...[...flags, '--address=0.0.0.0', 'svc/teleport', ...ways],
    ])
    await running.until(({ stdout }) => [web, tunnel].every((port) => stdout.includes(`:${port} `)))
    return running
  }
}

describe.skipIf(missing !== null)(
  `the guides, every command in them${missing === null ? '' : ` (${missing})`}`,
  () => {
    it('are all read here', async () => {
      expect((await readdir(GUIDES)).sort()).toEqual(Object.keys(pages).sort())
    })

    describe.each(Object.entries(pages))('%s', (name, page) => {
      let reader: Reader
      let blocks: GuideBlock[]

      beforeAll(async () => {
        blocks = guideBlocks(await readFile(join(GUIDES, basename(name)), 'utf8'))
        reader = await Reader.open(cluster as Cluster)
        await page.before?.(reader)
      })
      afterAll(async () => {
        await page.leave?.()
        await reader[Symbol.asyncDispose]()
      })

      const unread = page.missing ?? null
      it.skipIf(unread !== null)(
        `does what it says${unread === null ? '' : ` (${unread})`}`,
        async () => {
          let ran = 0
          for (const block of blocks) {
            const file = fileOfBlock(block)
            if (file !== null) await writeFile(join(reader.directory, file), block.text)
            if (block.language !== 'sh') continue
            ran += 1
            if ((await page.run?.(reader, block.text)) !== true) await reader.run(block.text)
          }
          expect(ran).toBeGreaterThan(0)
          await page.after?.(reader)
        },
      )
    })
  },
)
