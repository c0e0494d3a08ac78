import type { Bench } from '../bench.ts'
import { LARGE } from '../parties.ts'
import { number } from '../report.ts'
import { OTHERS } from '../support.ts'

/** What a proxy in a process of its own costs, by each way to a kubernetes service: a tunnel, and dialling. */
export async function ways(bench: Bench): Promise<void> {
  const { parties, report } = bench
  const { tunnelled, beside, dialled, past } = await parties.ways(await bench.product())
  const relay = await parties.bareRelay(past)
  const tlsRelay = await parties.bareTlsRelay(parties.direct.port, OTHERS)
  const rows = [
    ['direct to nginx', parties.direct],
    ['the kubernetes service alone', past],
    ['through a proxy that dials it', dialled],
    ['through a tunnel to the proxy', tunnelled],
    ['the same, its agent on processor 0 too', beside],
    ['a bare relay of Node instead of the service', tlsRelay],
    ['a bare relay of Node instead of the proxy', relay],
  ] as const
  const names = rows.map(([name]) => name)
  const all = rows.map(([, party]) => party)

  const one = await bench.inTurn(all, { connections: 1 })
  const many = await bench.inTurn(all)
  report.table(
    [
      'small GETs',
      'p50 ms, one connection',
      'req/s, 64 connections',
      'per core of what is measured',
    ],
    names.map((name, index) => [
      name,
      number(one[index]?.p50Ms ?? Number.NaN, 2),
      number(many[index]?.perSecond ?? Number.NaN),
      number(many[index]?.perCore ?? Number.NaN),
    ]),
  )

  const large = await bench.inTurn(all, { path: LARGE, mode: 'download', connections: 1 })
  report.table(
    [`one response of ${parties.largeBytes / 2 ** 20} MiB`, 'MB/s', 's of processor per GB'],
    names.map((name, index) => [
      name,
      number(large[index]?.mbPerSecond ?? Number.NaN),
      number(1000 / (large[index]?.mbPerCore ?? Number.NaN), 2),
    ]),
  )
  const layouts = [
    ['a tunnel, of one TLS stream', 3],
    ['the same, its agent on processor 0 too', 4],
  ] as const
  for (const [what, index] of layouts) {
    const part = (large[index]?.mbPerSecond ?? Number.NaN) / (large[0]?.mbPerSecond ?? Number.NaN)
    report.aim(what, '≥ 0.5x', `${number(part, 2)}x`, part >= 0.5)
  }

  const fresh = await bench.inTurn(all.slice(1), { mode: 'handshakes', connections: 8 })
  report.table(
    ['new connections, full handshakes', 'per second', 'per second and core', 'p50 ms', 'p99 ms'],
    names
      .slice(1)
      .map((name, index) => [
        name,
        number(fresh[index]?.perSecond ?? Number.NaN),
        number(fresh[index]?.perCore ?? Number.NaN),
        number(fresh[index]?.p50Ms ?? Number.NaN, 2),
        number(fresh[index]?.p99Ms ?? Number.NaN, 2),
      ]),
  )
  const perCore = fresh[2]?.perCore ?? Number.NaN
  report.aim('new connections/s per gateway core', '≥ 2,000', number(perCore), perCore >= 2000)
}
