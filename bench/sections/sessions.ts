import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import type { Party } from '../parties.ts'
import { number } from '../report.ts'
import type { SessionLoad, SessionMeasured } from '../session-plan.ts'
import {
  EVERYWHERE,
  MEASURED,
  median,
  OTHERS,
  realKubeconfig,
  residentKb,
  root,
  run,
  sleep,
  untilQuiet,
} from '../support.ts'
import { wallMs } from '../wall.ts'

const MIB = 1024 * 1024
const IDLE = 1000
/** They fill what a process has once: code, heap, pools. */
const FIRST_IDLE = 200
const IMAGE = 'docker.io/local/busybox:1'
/** Each takes a second or so, of which kubectl's start is a tenth. */
const REAL_ROUNDS = 5

/** What exec and port-forward cost, recorded, beside the API server itself. */
export async function sessions(bench: Bench): Promise<void> {
  const server = await bench.parties.sessionServer()
  const product = await bench.productBefore('sessions', server.port)
  await untilQuiet(product.pid)
  const relay = await bench.parties.bareTlsRelay(server.port, MEASURED)
  await starts(bench, product, relay)
  await throughput(bench, server, product)
  await idle(bench, server)
  await real(bench)
}

async function starts({ report, quick }: Bench, product: Party, relay: Party): Promise<void> {
  const kinds = [
    ['WebSocket, v5', 'websocket', product],
    ['SPDY/3.1, v4', 'spdy', product],
    ['WebSocket, v5, through a bare relay of Node: nothing is done but TLS', 'websocket', relay],
  ] as const
  const rows: string[][] = []
  for (const [name, protocol, party] of kinds) {
    const each: SessionMeasured[] = []
    for (let round = 0; round < (quick ? 1 : 5); round += 1) {
      const warmUpMs = round === 0 ? 2500 : 1000
      const runMs = quick ? 2000 : 5000
      each.push(await measured(party, { type: 'starts', protocol, atOnce: 8, warmUpMs, runMs }))
    }
    const perSecond = median(each.map(({ count, seconds }) => count / seconds))
    const perCore = median(each.map(({ count, cpuSeconds }) => count / cpuSeconds))
    rows.push([name, number(perSecond), number(perCore), number(1000 / perCore, 2)])
    if (party === relay) continue
    report.aim(`exec starts/s per core, ${name}`, '≥ 300', number(perCore), perCore >= 300)
  }
  report.table(
    ['short execs, recorded', 'per second', 'per second and core', 'ms of processor each'],
    rows,
  )
}

async function throughput({ report, quick }: Bench, server: Party, product: Party): Promise<void> {
  const bytes = (quick ? 32 : 512) * MIB
  const command = { type: 'command', bytes } as const
  const kinds: Readonly<Record<string, SessionLoad>> = {
    'exec stdout, a pipe': { ...command, program: 'out', tty: false },
    'exec stdout, a terminal': { ...command, program: 'out', tty: true },
    'exec stdin, a pipe': { ...command, program: 'in', tty: false },
    'exec stdin, a terminal': { ...command, program: 'in', tty: true },
    'port-forward, from the pod': { type: 'forward', program: 'out', bytes },
    'port-forward, to the pod': { type: 'forward', program: 'in', bytes },
  }
  const speed = ({ seconds }: SessionMeasured): number => bytes / 1e6 / seconds
  const rows: string[][] = []
  for (const [name, load] of Object.entries(kinds)) {
    const pairs: (readonly [SessionMeasured, SessionMeasured])[] = []
    for (let round = 0; round < (quick ? 1 : 6); round += 1) {
      const pair = [await measured(server, load), await measured(product, load)] as const
      // The first round meets code that is cold.
      if (quick || round > 0) pairs.push(pair)
    }
    const part = median(pairs.map(([direct, ours]) => direct.seconds / ours.seconds))
    rows.push([
      name,
      number(median(pairs.map(([direct]) => speed(direct)))),
      number(median(pairs.map(([, ours]) => speed(ours)))),
      number(part, 2),
      number(median(pairs.map(([, { cpuSeconds }]) => (1e9 * cpuSeconds) / bytes)), 2),
    ])
    report.aim(`MB/s, ${name}`, '≥ 0.8x direct', `${number(part, 2)}x`, part >= 0.8)
  }
  report.table(
    [
      `${bytes / MIB} MiB of one session, recorded`,
      'MB/s direct',
      'MB/s through us',
      'of direct',
      's of processor per GB',
    ],
    rows,
  )
}

async function idle(bench: Bench, server: Party): Promise<void> {
  const { report, quick } = bench
  // One that has carried nothing: memory that it has left over from something else would hide what a session takes.
  const { pid, ...party } = await bench.productBefore('idle-sessions', server.port)
  if (pid === null) throw new Error('nobody is measured')
  const settleMs = quick ? 1000 : 15_000
  await using clients = new AsyncDisposableStack()
  await hold(clients, { pid, ...party }, FIRST_IDLE)
  await sleep(settleMs)
  const before = residentKb(pid)
  await hold(clients, { pid, ...party }, IDLE)
  await sleep(settleMs)
  const each = (residentKb(pid) - before) / IDLE
  report.table(['idle exec, recorded', 'KB each'], [['over WebSocket, v5', number(each, 1)]])
}

/** kubectl, from its start to its end, at a real cluster. */
async function real(bench: Bench): Promise<void> {
  const { parties, report, kubectl, quick } = bench
  const kubeconfig = await realKubeconfig()
  const namespace = `bench-${randomBytes(4).toString('hex')}`
  const admin = (args: readonly string[], input = ''): Promise<string> =>
    run(kubectl, ['--kubeconfig', kubeconfig, '-n', namespace, ...args], {}, input)
  const product = await parties.product('sessions-real', { kubeconfig, cpu: EVERYWHERE })
  await using stack = new AsyncDisposableStack()
  await admin(['create', 'namespace', namespace])
  stack.defer(() => admin(['delete', 'namespace', namespace, '--wait=false']).then(() => {}))
  // Pods need it, and a controller makes it a moment after the namespace.
  for (let found = ''; !found.includes('/default'); ) {
    found = await admin(['get', 'serviceaccounts', '-o', 'name'])
  }
  await admin(['apply', '-f', '-'], POD)
  await admin(['wait', '--for=condition=Ready', 'pod/box', '--timeout=120s'])

  const exec = (config: string, ...words: readonly string[]): readonly string[] => [
    ...['--kubeconfig', config, '-n', namespace, 'exec'],
    ...words,
  ]
  const first = await wallMs(
    bench,
    {
      direct: { program: kubectl, args: exec(kubeconfig, 'box', '--', 'true') },
      ours: { program: kubectl, args: exec(product.signed, 'box', '--', 'true') },
    },
    quick ? { rounds: 5, warmUpRounds: 1 } : {},
  )
  const part = first.ours / first.direct
  report.table(
    ['`kubectl exec box -- true`, real cluster', 'ms, median', 'of direct'],
    [
      ['direct', number(first.direct, 1), '1'],
      ['Teleport', number(first.ours, 1), number(part, 3)],
    ],
  )
  report.aim(
    'time of `kubectl exec box -- true`',
    '≤ 1.15x direct',
    `${number(part, 2)}x`,
    part <= 1.15,
  )

  const mib = quick ? 32 : 512
  // The terminal of a container makes some 12 MB/s.
  const terminalMib = mib / 8
  const shell = (line: string, ...args: readonly string[]) => ({
    program: 'sh',
    args: ['-c', line, kubectl, ...args],
  })
  const zeros = (of: number): string => `head -c ${of * MIB} /dev/zero`
  const kinds = {
    stdout: {
      mib,
      of: (config: string) =>
        shell('"$0" "$@" >/dev/null', ...exec(config, 'box', '--', 'sh', '-c', zeros(mib))),
    },
    stdin: {
      mib,
      of: (config: string) =>
        shell(
          `${zeros(mib)} | "$0" "$@" >/dev/null`,
          ...exec(config, '-i', 'box', '--', 'wc', '-c'),
        ),
    },
    // kubectl wants a terminal on its side as well.
    'a terminal': {
      mib: terminalMib,
      of: (config: string) =>
        shell(
          'script -qec "$1" /dev/null >/dev/null',
          [kubectl, ...exec(config, '-it', 'box', '--', zeros(terminalMib))].join(' '),
        ),
    },
  }
  const rows: string[][] = []
  for (const [name, kind] of Object.entries(kinds)) {
    const { direct, ours } = await wallMs(
      bench,
      { direct: kind.of(kubeconfig), ours: kind.of(product.signed) },
      { rounds: quick ? 1 : REAL_ROUNDS, warmUpRounds: quick ? 0 : 1, cpu: EVERYWHERE },
    )
    const speed = (ms: number): string => number((kind.mib * MIB) / 1e3 / ms)
    rows.push([name, String(kind.mib), speed(direct), speed(ours), number(direct / ours, 2)])
    report.aim(
      `MB/s, kubectl exec, ${name}`,
      '≥ 0.8x direct',
      `${number(direct / ours, 2)}x`,
      direct / ours >= 0.8,
    )
  }
  report.table(
    [
      ...['`kubectl exec`, real cluster, on two processors that all share', 'MiB'],
      ...['MB/s direct', 'MB/s through us', 'of direct'],
    ],
    rows,
  )
}

const POD = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'box' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: IMAGE,
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', 'while true; do sleep 1; done'],
      },
    ],
  },
})

const argsOf = ({ pid, port, tls }: Party, load: SessionLoad): string[] => {
  const program = join(root, 'bench/session-client.ts')
  const options = { port, tls, pids: pid === null ? [] : [pid], load }
  return ['-c', OTHERS, process.execPath, program, JSON.stringify(options)]
}

async function measured(party: Party, load: SessionLoad): Promise<SessionMeasured> {
  return JSON.parse(await run('taskset', argsOf(party, load))) as SessionMeasured
}

/** So many idle sessions more, held until the stack is disposed. */
async function hold(clients: AsyncDisposableStack, party: Party, count: number): Promise<void> {
  const args = argsOf(party, { type: 'idle', count })
  const client = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  clients.defer(() => void client.kill('SIGKILL'))
  await Promise.race([
    once(client.stdout, 'data'),
    once(client, 'exit').then(() => Promise.reject(new Error('the session client ended'))),
  ])
}
