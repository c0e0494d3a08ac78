/**
 * One table in one run: what the product costs, beside direct access and its peers. docs/bench.md says how to read it.
 *
 * `npm run bench [-- --quick] [--only requests,latency,thousand,handshakes,download,watches,kubectl] [--cpu-prof-dir DIR]`
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Load } from './generator.ts'
import { LARGE, Parties, type Party, type Product, SMALL } from './parties.ts'
import { generate, median, type Row, residentKb, root, run, sleep } from './support.ts'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    'cpu-prof-dir': { type: 'string' },
  },
})
const { quick } = flags
const RUN_MS = quick ? 2000 : 8000
const WARM_UP_MS = quick ? 1500 : 4000
const CONNECTIONS = 64
const WATCHES = 1000
/** Memory is read after collections had their time. */
const SETTLE_MS = 15_000
const LARGE_BYTES = (quick ? 128 : 1024) * 1024 * 1024
const KUBECTL_ROUNDS = quick ? 8 : 40
/** The first ones fill caches of files and of discovery. */
const KUBECTL_WARM_UP_ROUNDS = 3

const say = (text: string): void => void process.stderr.write(`${text}\n`)
const number = (value: number, digits = 0): string =>
  Number.isFinite(value) ? value.toFixed(digits) : '–'
const rateOf = ({ measured }: Row): number => measured.requests / measured.seconds

await using parties = await Parties.open(LARGE_BYTES)
const { direct } = parties
const kubectl = process.env['KUBECTL'] ?? 'kubectl'
const aims: string[][] = []
const sections: string[] = []
const table = (head: readonly string[], rows: readonly (readonly string[])[]): void => {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
  sections.push(lines.join('\n'))
  say(lines.join('\n'))
}

const measure = (party: Party, fields: Partial<Load> = {}): Promise<Row> =>
  generate(
    {
      host: '127.0.0.1',
      port: party.port,
      path: SMALL,
      tls: party.tls,
      connections: CONNECTIONS,
      warmUpMs: WARM_UP_MS,
      runMs: RUN_MS,
      mode: 'requests',
      ...fields,
    },
    party.pid === null ? [] : [party.pid],
  )
const rowOf = (what: string, row: Row, of: Row | null): string[] => [
  what,
  number(rateOf(row)),
  number(row.perCore ?? Number.NaN),
  number(row.measured.p50Ms, 2),
  number(row.measured.p99Ms, 2),
  of === null ? '' : number(rateOf(row) / rateOf(of), 2),
]
const HEAD = ['req/s', 'req/s per core', 'p50 ms', 'p99 ms', 'of direct'] as const

const all = {
  async requests(): Promise<void> {
    const [proxy, we] = [await haproxy(), await ours()]
    const straight = await measure(direct)
    const byHaproxy = await measure(proxy)
    const byUs = await measure(we)
    const gateway = await measure(await parties.gateway(we))
    const byKubectl = await measure(await parties.kubectlProxy(kubectl))
    table(
      ['small GETs, 64 connections', ...HEAD],
      [
        rowOf('direct to nginx', straight, null),
        rowOf('HAProxy, mTLS in, TLS out', byHaproxy, straight),
        rowOf('Teleport, everything in one process', byUs, straight),
        rowOf('the gateway of it alone, as a process before it', gateway, straight),
        rowOf('kubectl proxy, plain in, TLS out', byKubectl, straight),
      ],
    )
    const [perCore, theirs] = [byUs.perCore ?? Number.NaN, byHaproxy.perCore ?? Number.NaN]
    aims.push(['requests/s per core', '≥ 8,000', number(perCore)])
    aims.push(['the same, of HAProxy', '≥ 0.25x', `${number(perCore / theirs, 2)}x`])
  },

  async latency(): Promise<void> {
    const one = { connections: 1, runMs: RUN_MS / 2 }
    const [proxy, we] = [await haproxy(), await ours()]
    const straight = await measure(direct, one)
    const byHaproxy = await measure(proxy, one)
    const byUs = await measure(we, one)
    table(
      ['small GETs, one connection', ...HEAD],
      [
        rowOf('direct to nginx', straight, null),
        rowOf('HAProxy', byHaproxy, straight),
        rowOf('Teleport', byUs, straight),
      ],
    )
    const added = byUs.measured.p50Ms - straight.measured.p50Ms
    aims.push(['added p50, one connection', '≤ 0.5 ms', `${number(added, 2)} ms`])
  },

  async thousand(): Promise<void> {
    const one = await measure(await ours())
    const many = await measure(await parties.product('thousand', { contexts: 1000, roles: 1000 }))
    table(
      ['small GETs, clusters and roles', ...HEAD],
      [rowOf('1 of each', one, null), rowOf('1,000 of each, 100 roles in the user', many, null)],
    )
    const flat = (many.perCore ?? Number.NaN) / (one.perCore ?? Number.NaN)
    aims.push(['1,000 clusters and roles', 'flat', `${number(flat, 2)}x`])
  },

  async handshakes(): Promise<void> {
    const shake = { mode: 'handshakes', connections: 8 } as const
    const [proxy, we] = [await haproxy(), await ours()]
    const byHaproxy = await measure(proxy, shake)
    const byUs = await measure(we, shake)
    const gateway = await measure(await parties.gateway(we), shake)
    table(
      ['new connections, full handshakes', ...HEAD],
      [
        rowOf('HAProxy', byHaproxy, null),
        rowOf('Teleport, kubernetes service', byUs, byHaproxy),
        rowOf('Teleport, gateway alone', gateway, byHaproxy),
      ].map((cells, index) => (index === 0 ? [...cells.slice(0, -1), '1 (HAProxy)'] : cells)),
    )
  },

  async download(): Promise<void> {
    const rate = async (party: Party): Promise<number> => {
      const rates: number[] = []
      for (let round = 0; round < 3; round += 1) {
        const { measured } = await measure(party, { path: LARGE, mode: 'download', connections: 1 })
        rates.push(measured.bytes / 1e6 / measured.seconds)
      }
      return median(rates)
    }
    const straight = await rate(direct)
    const byHaproxy = await rate(await haproxy())
    const byUs = await rate(await ours())
    const row = (what: string, got: number): string[] => [
      what,
      number(got),
      number(got / straight, 2),
    ]
    table(
      [`one response of ${LARGE_BYTES / 2 ** 20} MiB`, 'MB/s', 'of direct'],
      [row('direct', straight), row('HAProxy', byHaproxy), row('Teleport', byUs)],
    )
    aims.push(['1 GiB', '≥ 0.6x direct', `${number(byUs / straight, 2)}x`])
  },

  async watches(): Promise<void> {
    const upstreamPort = await parties.watchServer()
    const each = async (name: string, perConnection: number): Promise<number> => {
      const held = await parties.product(name, { upstreamPort })
      await using clients = new AsyncDisposableStack()
      // The first thousand fills what a process has once: code, heap, pools. The second is what a watch costs.
      await hold(clients, held, perConnection)
      const before = residentKb(held.pid)
      await hold(clients, held, perConnection)
      return (residentKb(held.pid) - before) / WATCHES
    }
    const own = await each('watch-own', 1)
    const shared = await each('watch-shared', 100)
    table(
      ['idle watch', 'KB each'],
      [
        ['a connection each', number(own, 1)],
        ['100 on an HTTP/2 connection', number(shared, 1)],
      ],
    )
    aims.push(['KB for a multiplexed watch', '≤ 40', number(shared, 1)])
    aims.push(['KB for a watch of its own', '≤ 150', number(own, 1)])
  },

  async kubectl(): Promise<void> {
    const listed = process.env['TELEPORT_E2E_KUBECONFIGS'] ?? process.env['KUBECONFIG'] ?? ''
    const kubeconfig = listed.split(':')[0] ?? ''
    await access(kubeconfig).catch(() => {
      throw new Error('kubectl needs a real cluster: name its kubeconfig in KUBECONFIG')
    })
    const { signed } = await parties.product('kubectl', { kubeconfig })
    const times: { direct: number[]; ours: number[] } = { direct: [], ours: [] }
    for (let round = 0; round < KUBECTL_ROUNDS + KUBECTL_WARM_UP_ROUNDS; round += 1) {
      // In turn, so that what else the machine does meets both.
      for (const [which, file] of [
        ['direct', kubeconfig],
        ['ours', signed],
      ] as const) {
        const began = performance.now()
        await run(kubectl, ['--kubeconfig', file, 'get', 'pods'])
        if (round >= KUBECTL_WARM_UP_ROUNDS) times[which].push(performance.now() - began)
      }
    }
    const [straight, byUs] = [median(times.direct), median(times.ours)]
    table(
      ['`kubectl get pods`, real cluster', 'ms, median', 'of direct'],
      [
        ['direct', number(straight, 1), '1'],
        ['Teleport', number(byUs, 1), number(byUs / straight, 3)],
      ],
    )
    aims.push(['wall time of kubectl', '≤ 1.10x', `${number(byUs / straight, 2)}x`])
  },
}

let knownHaproxy: Promise<Party> | null = null
function haproxy(): Promise<Party> {
  knownHaproxy ??= parties.haproxy()
  return knownHaproxy
}
let knownProduct: Promise<Product> | null = null
function ours(): Promise<Product> {
  knownProduct ??= parties.product('one', { profile: flags['cpu-prof-dir'] ?? null })
  return knownProduct
}

/** A thousand watches more, held until the stack is disposed. */
async function hold(
  clients: AsyncDisposableStack,
  { port, tls }: Product,
  perConnection: number,
): Promise<void> {
  const options = { ...tls, port, host: '127.0.0.1', watches: WATCHES, perConnection }
  const program = join(root, 'bench/watch-client.ts')
  const args = ['-c', '1', process.execPath, program, JSON.stringify(options)]
  const client = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  clients.defer(() => void client.kill('SIGKILL'))
  await Promise.race([
    once(client.stdout, 'data'),
    once(client, 'exit').then(() => Promise.reject(new Error('the watch client ended'))),
  ])
  await sleep(SETTLE_MS)
}

const chosen = flags.only?.split(',') ?? Object.keys(all)
for (const name of chosen) {
  if (!Object.hasOwn(all, name)) {
    throw new Error(`--only ${name}: there are ${Object.keys(all).join(', ')}`)
  }
}
for (const [name, section] of Object.entries(all)) {
  if (!chosen.includes(name)) continue
  say(`\n${name} …`)
  await section()
}
if (aims.length > 0) table(['aim', 'wanted', 'got'], aims)
const [processor] = cpus()
process.stdout.write(
  `Node ${process.version}, ${processor?.model ?? ''}, ${cpus().length} processors, ${new Date().toISOString().slice(0, 10)}${quick ? ', quick' : ''}\n\n${sections.join('\n\n')}\n`,
)
