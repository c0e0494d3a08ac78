import type { Bench, Row } from '../bench.ts'
import { LARGE } from '../parties.ts'
import { number } from '../report.ts'

const HEAD = ['req/s', 'req/s per core', 'p50 ms', 'p99 ms', 'req/s of direct']
const NONE: Row = {
  perSecond: Number.NaN,
  perCore: Number.NaN,
  p50Ms: Number.NaN,
  p99Ms: Number.NaN,
  mbPerSecond: Number.NaN,
  mbPerCore: Number.NaN,
}

const cells = (what: string, row: Row, direct: Row = NONE): string[] => [
  what,
  number(row.perSecond),
  number(row.perCore),
  number(row.p50Ms, 2),
  number(row.p99Ms, 2),
  number(row.perSecond / direct.perSecond, 2),
]
const factor = (value: number): string => `${number(value, 2)}x`

/** Small GETs over 64 connections. */
export async function requests(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const we = await bench.product()
  const [direct = NONE, haproxy = NONE, ours = NONE, gateway = NONE, kubectl = NONE] =
    await bench.inTurn([
      parties.direct,
      await bench.haproxy(),
      we,
      await parties.gateway(we),
      await parties.kubectlProxy(bench.kubectl),
    ])
  report.table(
    ['small GETs, 64 connections', ...HEAD],
    [
      cells('direct to nginx', direct),
      cells('HAProxy, mTLS in, TLS out', haproxy, direct),
      cells('Teleport, everything in one process', ours, direct),
      cells('the gateway of it alone, as a process before it', gateway, direct),
      cells('kubectl proxy, plain in, TLS out', kubectl, direct),
    ],
  )
  const part = ours.perCore / haproxy.perCore
  report.aim('requests/s per core', '≥ 8,000', number(ours.perCore), ours.perCore >= 8000)
  report.aim('the same, of HAProxy', '≥ 0.25x', factor(part), part >= 0.25)
}

/** The same over one, where nobody waits for others. */
export async function latency(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const [direct = NONE, haproxy = NONE, ours = NONE] = await bench.inTurn(
    [parties.direct, await bench.haproxy(), await bench.product()],
    { connections: 1 },
  )
  report.table(
    ['small GETs, one connection', ...HEAD],
    [
      cells('direct to nginx', direct),
      cells('HAProxy', haproxy, direct),
      cells('Teleport', ours, direct),
    ],
  )
  const added = ours.p50Ms - direct.p50Ms
  report.aim('added p50, one connection', '≤ 0.5 ms', `${number(added, 2)} ms`, added <= 0.5)
}

/** A service of a thousand clusters, and a person with a hundred of a thousand roles. */
export async function thousand(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const [one = NONE, roles = NONE, both = NONE] = await bench.inTurn([
    await bench.product(),
    await parties.product('roles', { roles: 1000 }),
    await parties.product('thousand', { contexts: 1000, roles: 1000 }),
  ])
  report.table(
    ['small GETs, clusters and roles', ...HEAD.slice(0, -1)],
    [
      cells('1 of each', one),
      cells('1,000 roles, 100 in the user', roles),
      cells('1,000 of each', both),
    ].map((row) => row.slice(0, -1)),
  )
  const flat = both.perCore / one.perCore
  report.aim('cost with 1,000 clusters and 1,000 roles', 'flat (≥ 0.9x)', factor(flat), flat >= 0.9)
}

/** New connections, each with a full handshake and a client certificate, eight at a time. */
export async function handshakes(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const we = await bench.product()
  const [haproxy = NONE, ours = NONE, gateway = NONE] = await bench.inTurn(
    [await bench.haproxy(), we, await parties.gateway(we)],
    { mode: 'handshakes', connections: 8 },
  )
  report.table(
    ['new connections, full handshakes', 'per second', 'per second and core', 'p50 ms', 'p99 ms'],
    [
      cells('HAProxy', haproxy),
      cells('Teleport, kubernetes service', ours),
      cells('Teleport, gateway alone', gateway),
    ].map((row) => row.slice(0, -1)),
  )
}

/** One large answer at a time. */
export async function download(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const [direct = NONE, haproxy = NONE, ours = NONE] = await bench.inTurn(
    [parties.direct, await bench.haproxy(), await bench.product()],
    { path: LARGE, mode: 'download', connections: 1 },
  )
  const row = (what: string, { mbPerSecond, mbPerCore }: Row): string[] => [
    what,
    number(mbPerSecond),
    number(mbPerCore),
    number(mbPerSecond / direct.mbPerSecond, 2),
  ]
  report.table(
    [`one response of ${parties.largeBytes / 2 ** 20} MiB`, 'MB/s', 'MB/s per core', 'of direct'],
    [row('direct', direct), row('HAProxy', haproxy), row('Teleport', ours)],
  )
  const part = ours.mbPerSecond / direct.mbPerSecond
  report.aim('one response of 1 GiB', '≥ 0.6x direct', factor(part), part >= 0.6)
}
