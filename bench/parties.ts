import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { kubeServerName } from '../src/protocol/index.ts'
import { generateKeyPair, issueCertificate } from '../src/x509/index.ts'
import type { Load } from './load.ts'
import { freePort, MEASURED, OTHERS, pinned, root, run, sleep, untilListening } from './support.ts'

/** Paths that nginx has an answer for. */
export const SMALL = '/api/v1/namespaces/default/pods/small'
export const LARGE = '/api/v1/namespaces/default/configmaps/large'

/** Something that answers, how to reach it, and the process whose cost is counted. */
export interface Party {
  /** Null when it is not measured. */
  readonly pid: number | null
  readonly port: number
  readonly tls: Load['tls']
}

/** The product in a process. */
export interface Product extends Party {
  readonly pid: number
  readonly tls: NonNullable<Load['tls']> & { readonly cert: string; readonly key: string }
  readonly authPort: number
  /** Where its kubernetes service takes connections of gateways elsewhere. */
  readonly servicePort: number
  /** The kubeconfig of a person who may do everything, with certificate and key in it. */
  readonly signed: string
  /** Where `tsh` finds it. */
  readonly webPort: number
  readonly dataDir: string
  tctl(...args: string[]): Promise<string>
}

/** A cluster behind a proxy in a process of its own, whose cost is counted, by each of the two ways; and without it. */
export interface Ways {
  /** The agent has dialled the proxy. */
  readonly tunnelled: Party
  /** The same with an agent on the processor of the proxy, so that both processors have about as much to do. */
  readonly beside: Party
  /** The proxy dials the agent, anew for each connection. */
  readonly dialled: Party
  /** The agent itself, past the proxy. */
  readonly past: Party
}

/** Somebody who has logged in with `tsh`. */
export interface Person {
  readonly user: string
  readonly password: string
  readonly proxy: string
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** What kubectl runs for a credential. */
  readonly script: string
}

/** Starts the parties of a comparison; all end with it. */
export class Parties implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()
  readonly #directory: string
  /** An upstream that answers from memory and page cache, so that it is never the limit. */
  readonly direct: Party
  /** Of the large answer. */
  readonly largeBytes: number

  private constructor(directory: string, direct: Party, largeBytes: number) {
    this.#directory = directory
    this.direct = direct
    this.largeBytes = largeBytes
  }

  static async open(largeBytes: number): Promise<Parties> {
    const directory = await mkdtemp(join(tmpdir(), 'bench-'))
    // nginx reads it as nobody; what is secret in it is 0600 by itself.
    await chmod(directory, 0o755)
    await issuePairs(directory)
    const tls = {
      serverName: 'localhost',
      ca: join(directory, 'ca.crt'),
      cert: null,
      key: null,
    }
    const parties = new Parties(directory, { pid: null, port: await freePort(), tls }, largeBytes)
    parties.#stack.defer(() => rm(directory, { recursive: true, force: true }))
    await parties.#nginx(largeBytes)
    return parties
  }

  /** TLS with client certificates in, TLS out, connections reused, one thread. */
  async haproxy(): Promise<Party> {
    const port = await freePort()
    const config = this.#at('haproxy.cfg')
    await writeFile(
      config,
      `global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend in
  bind 127.0.0.1:${port} ssl crt ${this.#at('server.pem')} ca-file ${this.#at('ca.crt')} verify required ssl-min-ver TLSv1.3
  http-request set-header Impersonate-User bench
  default_backend out
backend out
  server s 127.0.0.1:${this.direct.port} ssl verify required ca-file ${this.#at('ca.crt')}
`,
    )
    const pid = this.#start(MEASURED, 'haproxy', ['-f', config, '-db'])
    await untilListening(port)
    return { pid, port, tls: this.#clientTls }
  }

  /** A relay that does nothing else, instead of the gateway before somebody, whose TLS goes through it. */
  async bareRelay({ port: to, tls }: Party): Promise<Party> {
    return { ...(await this.#bareRelay(MEASURED, to, null)), tls }
  }

  /** The same that ends TLS, with client certificates, and speaks TLS to a server that has the certificate of `direct`. */
  async bareTlsRelay(to: number, cpu: string): Promise<Party> {
    const [key, cert, ca] = await Promise.all(
      ['server.key', 'server.crt', 'ca.crt'].map((file) => readFile(this.#at(file), 'utf8')),
    )
    const relay = await this.#bareRelay(cpu, to, { key, cert, ca, serverName: 'localhost' })
    return { ...relay, tls: this.#clientTls }
  }

  /** Plain HTTP in, TLS out. */
  async kubectlProxy(kubectl: string): Promise<Party> {
    const port = await freePort()
    const kubeconfig = this.#at('direct.kubeconfig')
    await this.#writeKubeconfig(kubeconfig, this.direct.port, ['c'])
    const args = ['--kubeconfig', kubeconfig, '--context=c', 'proxy', `--port=${port}`]
    const pid = this.#start(MEASURED, kubectl, args, { GOMAXPROCS: '1' })
    await untilListening(port)
    return { pid, port, tls: null }
  }

  /** The whole product in one process: gateway, authorisation, impersonation, audit to SQLite. */
  async product(
    name: string,
    options: {
      readonly contexts?: number
      readonly roles?: number
      readonly upstreamPort?: number
      /** Serves these clusters instead of the upstream. */
      readonly kubeconfig?: string
      /** Not given: the processor of whoever is measured. */
      readonly cpu?: string
      readonly profile?: string | null
    } = {},
  ): Promise<Product> {
    const base = this.#at(name)
    await mkdir(base)
    const [auth, web, port, servicePort] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ]
    const { contexts = 1, roles = 1, upstreamPort = this.direct.port } = options
    const kubeconfig = options.kubeconfig ?? join(base, 'kubeconfig')
    if (options.kubeconfig === undefined) {
      const names = Array.from({ length: contexts }, (_, index) => `c${index}`)
      await this.#writeKubeconfig(kubeconfig, upstreamPort, names)
    }
    const config = join(base, 'teleport.yaml')
    await writeFile(
      config,
      stringify({
        teleport: { data_dir: join(base, 'data'), log: { severity: 'ERROR' } },
        auth_service: {
          cluster_name: 'bench',
          listen_addr: `127.0.0.1:${auth}`,
          authentication: { type: 'local', second_factor: 'off' },
        },
        proxy_service: {
          web_listen_addr: `127.0.0.1:${web}`,
          kube_listen_addr: `127.0.0.1:${port}`,
        },
        kubernetes_service: {
          enabled: true,
          listen_addr: `127.0.0.1:${servicePort}`,
          kubeconfig_file: kubeconfig,
          labels: { env: 'bench' },
        },
      }),
    )
    const { profile = null, cpu = MEASURED } = options
    const pid = this.#start(cpu, process.execPath, [
      '--disable-warning=ExperimentalWarning',
      ...(profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
      join(root, 'src/daemon/main.ts'),
      'start',
      '-c',
      config,
    ])
    await untilListening(auth)
    await untilListening(port)
    const tctl = (...args: string[]): Promise<string> =>
      run(join(root, 'bin/tctl'), ['-c', config, ...args])
    const files = join(base, 'bench')
    await createRoles(tctl, join(base, 'roles.yaml'), roles)
    await tctl('auth', 'sign', '--user=bench', '--format=tls', `--out=${files}`)
    const signed = join(base, 'signed')
    await tctl('auth', 'sign', '--user=bench', '--format=kubernetes', `--out=${signed}`)
    const listed = JSON.parse(await tctl('kube', 'ls', '--format=json')) as {
      status: { server_name: string }
    }[]
    return {
      pid,
      port,
      authPort: auth,
      servicePort,
      signed,
      webPort: web,
      dataDir: join(base, 'data'),
      tctl,
      tls: {
        serverName: listed[0]?.status.server_name ?? '',
        ca: `${files}.cas`,
        cert: `${files}.crt`,
        key: `${files}.key`,
      },
    }
  }

  /** Somebody with a home of his own, a password, and a login by it. */
  async person({ tctl, webPort }: Product, name: string): Promise<Person> {
    const home = this.#at(`home-${webPort}`)
    await mkdir(home)
    const env = { HOME: home, KUBECONFIG: join(home, 'kubeconfig') }
    const proxy = `localhost:${webPort}`
    const password = 'seven wet otters on a raft'
    const tsh = (...args: string[]): Promise<string> =>
      run(join(root, 'bin/tsh'), [...args, '--password-stdin', '--insecure'], env, `${password}\n`)
    const invited = await tctl('users', 'add', name, '--roles=bench-0')
    const token = /\/web\/invite\/(\w+)/.exec(invited)?.[1] ?? ''
    await tsh('invite', `https://${proxy}/web/invite/${token}`)
    await tsh('login', `--proxy=${proxy}`, `--user=${name}`)
    const profile = join(home, '.tsh/profiles', `${name}@localhost%3a${webPort}`)
    return { user: name, password, proxy, home, env, script: join(profile, 'kube-credentials') }
  }

  /** A proxy and two agents beside a product, which is their auth service. */
  async ways({ authPort, tls, tctl }: Product): Promise<Ways> {
    const { token } = JSON.parse(
      await tctl('tokens', 'add', '--type=proxy,kube', '--format=json'),
    ) as { token: string }
    const pin = /sha256:[0-9a-f]{64}/.exec(await tctl('status'))?.[0]
    const [web, port, own] = [await freePort(), await freePort(), await freePort()]
    const no = (): object => ({ enabled: false })
    const start = async (cpu: string, name: string, sections: Sections): Promise<number> => {
      await mkdir(this.#at(name))
      const config = this.#at(`${name}/teleport.yaml`)
      const { teleport, ...services } = sections
      const off = { auth_service: no(), proxy_service: no(), kubernetes_service: no() }
      const common = { auth_token: token, ca_pin: pin, log: { severity: 'ERROR' } }
      const all = {
        ...off,
        ...services,
        teleport: { data_dir: this.#at(`${name}/data`), ...common, ...teleport },
      }
      await writeFile(config, stringify(all))
      const program = join(root, 'src/daemon/main.ts')
      return this.#start(cpu, process.execPath, [program, 'start', '-c', config])
    }
    const toAuth = { auth_server: `127.0.0.1:${authPort}` }
    const pid = await start(MEASURED, 'proxy-apart', {
      teleport: toAuth,
      proxy_service: {
        enabled: true,
        web_listen_addr: `127.0.0.1:${web}`,
        public_addr: `127.0.0.1:${web}`,
        kube_listen_addr: `127.0.0.1:${port}`,
      },
    })
    await untilListening(port)
    const agent = async (
      name: string,
      teleport: object,
      { cpu = OTHERS, ...kube }: { readonly cpu?: string; readonly [key: string]: unknown },
    ): Promise<number> => {
      const file = this.#at(`${name}.kubeconfig`)
      await this.#writeKubeconfig(file, this.direct.port, [name])
      const service = { enabled: true, kubeconfig_file: file, labels: { env: 'bench' }, ...kube }
      return start(cpu, name, { teleport, kubernetes_service: service })
    }
    const toProxy = { proxy_server: `127.0.0.1:${web}` }
    await agent('out', toProxy, {})
    await agent('beside', toProxy, { cpu: MEASURED })
    const at = { listen_addr: `127.0.0.1:${own}`, public_addr: `127.0.0.1:${own}` }
    const pastPid = await agent('in', toAuth, at)
    await untilListening(own)
    const of = (cluster: string, to: { pid: number; port: number }): Party => ({
      ...to,
      tls: { ...tls, serverName: kubeServerName('bench', cluster) },
    })
    // Heartbeats tell who is where within five seconds.
    await sleep(TOLD_MS)
    return {
      tunnelled: of('out', { pid, port }),
      beside: of('beside', { pid, port }),
      dialled: of('in', { pid, port }),
      past: of('in', { pid: pastPid, port: own }),
    }
  }

  /** The gateway alone, in a process of its own, before the kubernetes service of a product. */
  async gateway({ servicePort, tls }: Product): Promise<Party> {
    const port = await freePort()
    const program = join(root, 'bench/gateway.ts')
    const pid = this.#start(MEASURED, process.execPath, [
      program,
      JSON.stringify({ port, servicePort }),
    ])
    await untilListening(port)
    return { pid, port, tls }
  }

  /** Answers watches over HTTP/2 and says nothing more. */
  watchServer(): Promise<number> {
    return this.#simulated('bench/watch-server.ts')
  }

  /** An API server with one pod, `box`, and what runs in it; all as fast as Node can. */
  async sessionServer(): Promise<Party> {
    const port = await this.#simulated('bench/session-server.ts')
    return { ...this.direct, port }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]()
  }

  /** Of a client that the authority of `direct` knows. */
  get #clientTls(): NonNullable<Load['tls']> {
    const [ca, cert, key] = [this.#at('ca.crt'), this.#at('client.crt'), this.#at('client.key')]
    return { serverName: 'localhost', ca, cert, key }
  }

  async #bareRelay(
    cpu: string,
    to: number,
    tls: object | null,
  ): Promise<{ readonly pid: number; readonly port: number }> {
    const port = await freePort()
    const program = join(root, 'bench/bare-relay.ts')
    const pid = this.#start(cpu, process.execPath, [program, JSON.stringify({ port, to, tls })])
    await untilListening(port)
    return { pid, port }
  }

  /** A server in Node, with the certificate of `direct`. */
  async #simulated(name: string): Promise<number> {
    const port = await freePort()
    const [key, cert] = await Promise.all(
      ['server.key', 'server.crt'].map((file) => readFile(this.#at(file), 'utf8')),
    )
    const program = join(root, name)
    this.#start(OTHERS, process.execPath, [program, JSON.stringify({ key, cert, port })])
    await untilListening(port)
    return port
  }

  async #nginx(largeBytes: number): Promise<void> {
    for (const path of [SMALL, LARGE]) {
      await mkdir(join(this.#at('www'), path, '..'), { recursive: true })
    }
    const small = JSON.stringify({ kind: 'Pod', data: 'x'.repeat(1000) })
    await writeFile(join(this.#at('www'), SMALL), small)
    const large = await openFile(join(this.#at('www'), LARGE), 'w')
    await large.truncate(largeBytes)
    await large.close()
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((what) => `${what}_temp_path ${this.#at(what)};`)
      .join(' ')
    await writeFile(
      this.#at('nginx.conf'),
      `master_process off; daemon off; pid ${this.#at('nginx.pid')}; error_log ${this.#at('nginx.log')};
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 3600s; default_type application/json; ${temporary}
 server { listen 127.0.0.1:${this.direct.port} ssl; ssl_certificate ${this.#at('server.crt')}; ssl_certificate_key ${this.#at('server.key')}; ssl_protocols TLSv1.3; root ${this.#at('www')}; } }`,
    )
    this.#start(OTHERS, 'nginx', ['-c', this.#at('nginx.conf'), '-e', this.#at('nginx.log')])
    await untilListening(this.direct.port)
  }

  async #writeKubeconfig(path: string, port: number, contexts: readonly string[]): Promise<void> {
    const cluster = {
      server: `https://127.0.0.1:${port}`,
      'certificate-authority': this.#at('ca.crt'),
    }
    await writeFile(
      path,
      stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'k', cluster }],
        users: [{ name: 'u', user: { token: 'bench' } }],
        contexts: contexts.map((name) => ({ name, context: { cluster: 'k', user: 'u' } })),
      }),
      { mode: 0o600 },
    )
  }

  #at(name: string): string {
    return join(this.#directory, name)
  }

  #start(
    cpu: string,
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): number {
    const { pid } = pinned(this.#stack, cpu, program, args, env)
    if (pid === undefined) throw new Error(`${program} did not start`)
    return pid
  }
}

type Sections = Readonly<Record<string, object>>

/** For processes that have started to hear of each other. */
const TOLD_MS = 12_000

/** The user `bench`, with as many roles as a user may hold; all of them are stored and judged. */
async function createRoles(
  tctl: (...args: string[]) => Promise<string>,
  path: string,
  count: number,
): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `bench-${index}`)
  const spec = {
    allow: {
      kubernetes_labels: { env: ['bench', '^x[0-9]+$'] },
      kubernetes_groups: ['system:masters'],
    },
  }
  const roles = names.map((name) =>
    stringify({ kind: 'role', version: 'v7', metadata: { name }, spec }),
  )
  await writeFile(path, roles.join('---\n'))
  await tctl('create', '-f', path)
  await tctl('users', 'add', 'bench', `--roles=${names.slice(0, MAX_ROLES_OF_USER).join(',')}`)
}

const MAX_ROLES_OF_USER = 100

/** An authority, a server and a client, for nginx, HAProxy and the direct rows. */
async function issuePairs(directory: string): Promise<void> {
  const authority = await generateKeyPair()
  const template = {
    notBeforeMs: Date.now() - 60_000,
    notAfterMs: Date.now() + 86_400_000,
    extensions: [],
  }
  const ca = await issueCertificate({
    template: {
      ...template,
      commonName: 'ca',
      usages: [],
      dnsNames: [],
      ipAddresses: [],
      isCa: true,
    },
    publicKey: authority.publicKey,
    issuer: { selfSigningKey: authority.privateKey },
    serial: randomBytes(16),
  })
  await writeFile(join(directory, 'ca.crt'), ca.pem)
  for (const name of ['server', 'client'] as const) {
    const { privateKey, publicKey } = await generateKeyPair()
    const isServer = name === 'server'
    const issued = await issueCertificate({
      template: {
        ...template,
        commonName: name,
        usages: [isServer ? 'serverAuth' : 'clientAuth'],
        dnsNames: isServer ? ['localhost'] : [],
        ipAddresses: isServer ? ['127.0.0.1'] : [],
        isCa: false,
      },
      publicKey,
      issuer: { certificatePem: ca.pem, privateKey: authority.privateKey },
      serial: randomBytes(16),
    })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    await writeFile(join(directory, `${name}.crt`), issued.pem)
    await writeFile(join(directory, `${name}.key`), key, { mode: 0o600 })
    await writeFile(join(directory, `${name}.pem`), issued.pem + key, { mode: 0o600 })
  }
}
