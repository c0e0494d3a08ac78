/**
 * One table in one run: what the product costs, beside direct access and its peers. `npm run bench [-- --quick]`
 * docs/bench.md says how to read it. The measured process is pinned to processor 0, everything else to 1.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { access, chmod, mkdir, mkdtemp, open as openFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { generateKeyPair, issueCertificate } from '../src/x509/index.ts'
import type { Load } from './generator.ts'
import { generate, median, pinned, type Row, residentKb, root, run, sleep } from './support.ts'

const quick = process.argv.includes('--quick')
const RUN_MS = quick ? 2000 : 8000
const WARM_UP_MS = quick ? 1500 : 4000
const CONNECTIONS = 64
const SMALL = '/api/v1/namespaces/default/pods/small'
const LARGE = '/api/v1/namespaces/default/configmaps/large'
const WATCHES = 1000
/** Memory is read after collections had their time. */
const SETTLE_MS = 15_000
const LARGE_BYTES = (quick ? 128 : 1024) * 1024 * 1024

await using stack = new AsyncDisposableStack()
const directory = await mkdtemp(join(tmpdir(), 'bench-'))
stack.defer(() => rm(directory, { recursive: true, force: true }))
// nginx reads it as nobody; what is secret in it is 0600 by itself.
await chmod(directory, 0o755)
const at = (name: string): string => join(directory, name)
const lines: string[][] = []
const say = (text: string): void => void process.stderr.write(`${text}\n`)

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    await sleep(50)
  }
  throw new Error(`nobody listens on ${port}`)
}

// An authority, a server and a client, for nginx, HAProxy and the direct row.
const ca = await generateKeyPair()
const issue = async (name: string, usage: 'serverAuth' | 'clientAuth' | null): Promise<void> => {
  const { privateKey, publicKey } = usage === null ? ca : await generateKeyPair()
  const issued = await issueCertificate({
    template: {
      commonName: name,
      notBeforeMs: Date.now() - 60_000,
      notAfterMs: Date.now() + 86_400_000,
      usages: usage === null ? [] : [usage],
      dnsNames: usage === 'serverAuth' ? ['localhost'] : [],
      ipAddresses: usage === 'serverAuth' ? ['127.0.0.1'] : [],
      isCa: usage === null,
      extensions: [],
    },
    publicKey,
    issuer:
      usage === null
        ? { selfSigningKey: ca.privateKey }
        : { certificatePem: caPem, privateKey: ca.privateKey },
    serial: randomBytes(16),
  })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  if (usage === null) caPem = issued.pem
  await writeFile(at(`${name}.crt`), issued.pem)
  await writeFile(at(`${name}.key`), key, { mode: 0o600 })
  await writeFile(at(`${name}.pem`), issued.pem + key, { mode: 0o600 })
}
let caPem = ''
await issue('ca', null)
await issue('server', 'serverAuth')
await issue('client', 'clientAuth')

// nginx answers from memory and page cache: never the limit.
const backPort = await freePort()
await mkdir(at('www/api/v1/namespaces/default/pods'), { recursive: true })
await mkdir(at('www/api/v1/namespaces/default/configmaps'), { recursive: true })
await writeFile(at(`www${SMALL}`), JSON.stringify({ kind: 'Pod', data: 'x'.repeat(1000) }))
const large = await openFile(at(`www${LARGE}`), 'w')
await large.truncate(LARGE_BYTES)
await large.close()
await writeFile(
  at('nginx.conf'),
  `worker_processes 1; daemon off; pid ${at('nginx.pid')}; error_log ${at('nginx.log')};
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 3600s; default_type application/json; client_body_temp_path ${at('b')}; proxy_temp_path ${at('p')}; fastcgi_temp_path ${at('f')}; uwsgi_temp_path ${at('u')}; scgi_temp_path ${at('s')};
 server { listen 127.0.0.1:${backPort} ssl; ssl_certificate ${at('server.crt')}; ssl_certificate_key ${at('server.key')}; ssl_protocols TLSv1.3; root ${at('www')}; } }`,
)
pinned(stack, '1', 'nginx', ['-c', at('nginx.conf'), '-e', at('nginx.log')])
await untilListening(backPort)

async function haproxy(): Promise<{ port: number; pid: number }> {
  const port = await freePort()
  await writeFile(
    at('haproxy.cfg'),
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
  bind 127.0.0.1:${port} ssl crt ${at('server.pem')} ca-file ${at('ca.crt')} verify required ssl-min-ver TLSv1.3
  http-request set-header Impersonate-User bench
  default_backend out
backend out
  server s 127.0.0.1:${backPort} ssl verify required ca-file ${at('ca.crt')}
`,
  )
  const child = pinned(stack, '0', 'haproxy', ['-f', at('haproxy.cfg'), '-db'])
  await untilListening(port)
  return { port, pid: child.pid ?? 0 }
}

interface Ours {
  readonly pid: number
  readonly port: number
  readonly serverName: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** The whole product in one process: gateway, authorisation, impersonation, audit to SQLite. */
async function ours(
  name: string,
  contexts: number,
  roles: number,
  backend = backPort,
): Promise<Ours> {
  const base = at(name)
  await mkdir(base, { recursive: true })
  const [auth, web, kube] = [await freePort(), await freePort(), await freePort()]
  const clusters = Array.from({ length: contexts }, (_, index) => `c${index}`)
  await writeFile(
    join(base, 'kubeconfig'),
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'k',
          cluster: {
            server: `https://127.0.0.1:${backend}`,
            'certificate-authority': at('ca.crt'),
          },
        },
      ],
      users: [{ name: 'u', user: { token: 'bench' } }],
      contexts: clusters.map((context) => ({
        name: context,
        context: { cluster: 'k', user: 'u' },
      })),
    }),
  )
  const config = join(base, 'teleport.yaml')
  await writeFile(
    config,
    stringify({
      teleport: { data_dir: join(base, 'data'), log: { severity: 'ERROR' } },
      auth_service: { cluster_name: 'bench', listen_addr: `127.0.0.1:${auth}` },
      proxy_service: { web_listen_addr: `127.0.0.1:${web}`, kube_listen_addr: `127.0.0.1:${kube}` },
      kubernetes_service: {
        enabled: true,
        kubeconfig_file: join(base, 'kubeconfig'),
        labels: { env: 'bench' },
      },
    }),
  )
  const child = pinned(stack, '0', process.execPath, [
    '--disable-warning=ExperimentalWarning',
    ...(profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
    join(root, 'src/daemon/main.ts'),
    'start',
    '-c',
    config,
  ])
  await untilListening(auth)
  const tctl = (...args: string[]): Promise<string> =>
    run(join(root, 'bin/tctl'), ['-c', config, ...args])
  const names = Array.from({ length: roles }, (_, index) => `bench-${index}`)
  await writeFile(
    join(base, 'roles.yaml'),
    names
      .map((role) =>
        stringify({
          kind: 'role',
          version: 'v7',
          metadata: { name: role },
          spec: {
            allow: {
              kubernetes_labels: { env: ['bench', '^x[0-9]+$'] },
              kubernetes_groups: ['viewers'],
            },
          },
        }),
      )
      .join('---\n'),
  )
  await tctl('create', '-f', join(base, 'roles.yaml'))
  // A user holds at most a hundred roles.
  await tctl('users', 'add', 'bench', `--roles=${names.slice(0, 100).join(',')}`)
  await tctl('auth', 'sign', '--user=bench', '--format=tls', `--out=${join(base, 'bench')}`)
  const listed = JSON.parse(await tctl('kube', 'ls', '--format=json')) as {
    metadata: { name: string }
    status: { server_name: string }
  }[]
  const serverName = listed[0]?.status.server_name ?? ''
  return {
    pid: child.pid ?? 0,
    port: kube,
    serverName,
    ca: join(base, 'bench.cas'),
    cert: join(base, 'bench.crt'),
    key: join(base, 'bench.key'),
  }
}

const profileIndex = process.argv.indexOf('--cpu-prof-dir')
const profile = profileIndex === -1 ? null : (process.argv[profileIndex + 1] ?? null)

const mutual = (name: {
  ca: string
  cert: string
  key: string
  serverName: string
}): Load['tls'] => ({
  serverName: name.serverName,
  ca: name.ca,
  cert: name.cert,
  key: name.key,
})
const load = (port: number, tls: Load['tls'], fields: Partial<Load> = {}): Load => ({
  host: '127.0.0.1',
  port,
  path: SMALL,
  tls,
  connections: CONNECTIONS,
  warmUpMs: WARM_UP_MS,
  runMs: RUN_MS,
  mode: 'requests',
  ...fields,
})
const serverTls = { serverName: 'localhost', ca: at('ca.crt'), cert: null, key: null }
const clientTls = {
  serverName: 'localhost',
  ca: at('ca.crt'),
  cert: at('client.crt'),
  key: at('client.key'),
}

const number = (value: number | null, digits = 0): string =>
  value === null || Number.isNaN(value) ? '–' : value.toFixed(digits)
function add(what: string, row: Row, direct: Row | null): void {
  const rate = row.measured.requests / row.measured.seconds
  const directRate = direct === null ? null : direct.measured.requests / direct.measured.seconds
  lines.push([
    what,
    number(rate),
    number(row.perCore),
    number(row.measured.p50Ms, 2),
    number(row.measured.p99Ms, 2),
    directRate === null ? '1' : number(rate / directRate, 2),
  ])
  say(lines.at(-1)?.join('  ') ?? '')
}

say('small GETs')
const direct = await generate(load(backPort, serverTls), [])
add('direct to nginx', direct, null)
const proxy = await haproxy()
const haproxyRow = await generate(load(proxy.port, clientTls), [proxy.pid])
add('HAProxy, mTLS in, TLS out', haproxyRow, direct)
const we = await ours('one', 1, 1)
const oursRow = await generate(load(we.port, mutual(we)), [we.pid])
add('Teleport', oursRow, direct)

const kubectl = process.env['KUBECTL'] ?? 'kubectl'
const kubectlPort = await freePort()
await writeFile(
  at('direct.kubeconfig'),
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [
      {
        name: 'k',
        cluster: { server: `https://127.0.0.1:${backPort}`, 'certificate-authority': at('ca.crt') },
      },
    ],
    users: [{ name: 'u', user: { token: 'bench' } }],
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  }),
)
const kubectlProxy = pinned(
  stack,
  '0',
  kubectl,
  ['--kubeconfig', at('direct.kubeconfig'), 'proxy', `--port=${kubectlPort}`],
  { GOMAXPROCS: '1' },
)
await untilListening(kubectlPort)
add(
  'kubectl proxy (plain in, TLS out)',
  await generate(load(kubectlPort, null), [kubectlProxy.pid ?? 0]),
  direct,
)

say('latency of one client')
const single = { connections: 1, runMs: RUN_MS / 2 }
const directOne = await generate(load(backPort, serverTls, single), [])
add('direct, one connection', directOne, null)
add(
  'HAProxy, one connection',
  await generate(load(proxy.port, clientTls, single), [proxy.pid]),
  directOne,
)
const oursOne = await generate(load(we.port, mutual(we), single), [we.pid])
add('Teleport, one connection', oursOne, directOne)

say('cost with 1,000 clusters and 1,000 roles')
const thousand = await ours('thousand', 1000, 1000)
const thousandRow = await generate(load(thousand.port, mutual(thousand)), [thousand.pid])
add('Teleport, 1,000 clusters, 1,000 roles', thousandRow, direct)

say('new connections')
const shake = { mode: 'handshakes' as const, connections: 8 }
add(
  'full handshakes, HAProxy',
  await generate(load(proxy.port, clientTls, shake), [proxy.pid]),
  null,
)
add('full handshakes, Teleport', await generate(load(we.port, mutual(we), shake), [we.pid]), null)

say('one large response')
const download = { path: LARGE, mode: 'download' as const, connections: 1 }
const rate = async (port: number, tls: Load['tls']): Promise<number> => {
  const rates: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const { measured } = await generate(load(port, tls, download), [])
    rates.push(measured.bytes / 1e6 / measured.seconds)
  }
  return median(rates)
}
const directRate = await rate(backPort, serverTls)
const haproxyRate = await rate(proxy.port, clientTls)
const oursRate = await rate(we.port, mutual(we))
const megabytes = [
  ['direct', number(directRate), '1'],
  ['HAProxy', number(haproxyRate), number(haproxyRate / directRate, 2)],
  ['Teleport', number(oursRate), number(oursRate / directRate, 2)],
]

say('memory of idle watches')
const watchPort = await freePort()
pinned(stack, '1', process.execPath, [
  join(root, 'bench/watch-server.ts'),
  JSON.stringify({
    key: readFileSync(at('server.key'), 'utf8'),
    cert: readFileSync(at('server.crt'), 'utf8'),
    port: watchPort,
  }),
])
await untilListening(watchPort)
async function watches(name: string, perConnection: number): Promise<number> {
  const held = await ours(name, 1, 1, watchPort)
  await using clients = new AsyncDisposableStack()
  // The first thousand fills what a process has once: code, heap, pools. The second is what a watch costs.
  await hold(clients, held, perConnection)
  const before = residentKb(held.pid)
  await hold(clients, held, perConnection)
  return (residentKb(held.pid) - before) / WATCHES
}
async function hold(
  clients: AsyncDisposableStack,
  held: Ours,
  perConnection: number,
): Promise<void> {
  const client = spawn('taskset', [
    '-c',
    '1',
    process.execPath,
    join(root, 'bench/watch-client.ts'),
    JSON.stringify({ ...held, host: '127.0.0.1', watches: WATCHES, perConnection }),
  ])
  clients.defer(() => void client.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    client.stdout.once('data', () => resolve())
    client.stderr.on('data', (chunk: Buffer) => say(chunk.toString()))
    client.once('exit', () => reject(new Error('the watch client ended')))
  })
  await sleep(SETTLE_MS)
}
const own = await watches('watch-own', 1)
const multiplexed = await watches('watch-many', 100)

say('kubectl get pods')
const clusterConfig =
  (process.env['TELEPORT_E2E_KUBECONFIGS'] ?? process.env['KUBECONFIG'] ?? '').split(':')[0] ?? ''
const walls = await access(clusterConfig).then(
  () => kubectlWalls(clusterConfig),
  () => null,
)

async function kubectlWalls(kubeconfig: string): Promise<{ direct: number; ours: number }> {
  const base = at('kubectl')
  await mkdir(base)
  const [auth, web, kube] = [await freePort(), await freePort(), await freePort()]
  const config = join(base, 'teleport.yaml')
  await writeFile(
    config,
    stringify({
      teleport: { data_dir: join(base, 'data'), log: { severity: 'ERROR' } },
      auth_service: { cluster_name: 'bench', listen_addr: `127.0.0.1:${auth}` },
      proxy_service: { web_listen_addr: `127.0.0.1:${web}`, kube_listen_addr: `127.0.0.1:${kube}` },
      kubernetes_service: { enabled: true, kubeconfig_file: kubeconfig },
    }),
  )
  pinned(stack, '0,1', process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(root, 'src/daemon/main.ts'),
    'start',
    '-c',
    config,
  ])
  await untilListening(kube)
  const tctl = (...args: string[]): Promise<string> =>
    run(join(root, 'bin/tctl'), ['-c', config, ...args])
  await tctl('users', 'add', 'bench', '--k8s-groups=system:masters')
  const signed = join(base, 'signed')
  await tctl('auth', 'sign', '--user=bench', '--format=kubernetes', `--out=${signed}`)
  const times: { direct: number[]; ours: number[] } = { direct: [], ours: [] }
  for (let round = 0; round < (quick ? 8 : 40); round += 1) {
    for (const [which, file] of [
      ['direct', kubeconfig],
      ['ours', signed],
    ] as const) {
      const began = performance.now()
      await run(kubectl, ['--kubeconfig', file, 'get', 'pods'])
      if (round > 2) times[which].push(performance.now() - began)
    }
  }
  return { direct: median(times.direct), ours: median(times.ours) }
}

const perCoreRatio = (oursRow.perCore ?? 0) / (haproxyRow.perCore ?? 1)
const text = [
  `Node ${process.version}, ${cpus()[0]?.model ?? ''}, ${cpus().length} processors, ${new Date().toISOString().slice(0, 10)}${quick ? ', quick' : ''}`,
  '',
  '| what | req/s | req/s per core | p50 ms | p99 ms | of direct |',
  '|---|---|---|---|---|---|',
  ...lines.map((line) => `| ${line.join(' | ')} |`),
  '',
  '| one response of 1 GiB | MB/s | of direct |',
  '|---|---|---|',
  ...megabytes.map((line) => `| ${line.join(' | ')} |`),
  '',
  '| idle watch | KB each |',
  '|---|---|',
  `| a connection each | ${number(own, 1)} |`,
  `| 100 on an HTTP/2 connection | ${number(multiplexed, 1)} |`,
  '',
  ...(walls === null
    ? []
    : [
        '| `kubectl get pods`, real cluster | ms, median | of direct |',
        '|---|---|---|',
        `| direct | ${number(walls.direct, 1)} | 1 |`,
        `| Teleport | ${number(walls.ours, 1)} | ${number(walls.ours / walls.direct, 3)} |`,
        '',
      ]),
  '| aim | wanted | got |',
  '|---|---|---|',
  ...(walls === null
    ? []
    : [`| wall time of kubectl | ≤ 1.10x | ${number(walls.ours / walls.direct, 2)}x |`]),
  `| added p50, one connection | ≤ 0.5 ms | ${number(oursOne.measured.p50Ms - directOne.measured.p50Ms, 2)} ms |`,
  `| requests/s per core | ≥ 8,000 | ${number(oursRow.perCore)} |`,
  `| of HAProxy, per core | ≥ 0.25x | ${number(perCoreRatio, 2)}x |`,
  `| 1 GiB | ≥ 0.6x direct | ${number(oursRate / directRate, 2)}x |`,
  `| KB for a multiplexed watch | ≤ 40 | ${number(multiplexed, 1)} |`,
  `| KB for a watch of its own | ≤ 150 | ${number(own, 1)} |`,
  `| 1,000 clusters and roles | flat | ${number((thousandRow.perCore ?? 0) / (oursRow.perCore ?? 1), 2)}x |`,
].join('\n')
process.stdout.write(`${text}\n`)
