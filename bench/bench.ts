import type { Load } from './load.ts'
import type { Parties, Party, Product } from './parties.ts'
import { SMALL } from './parties.ts'
import type { Report } from './report.ts'
import { generate, median, untilQuiet } from './support.ts'

/** Medians over the rounds of one party. */
export interface Row {
  readonly perSecond: number
  /** Requests for each second of processor time of the measured process; NaN when none is. */
  readonly perCore: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mbPerSecond: number
  readonly mbPerCore: number
}

/** What the sections of a run share. */
export class Bench {
  readonly parties: Parties
  readonly report: Report
  readonly quick: boolean
  readonly kubectl: string = process.env['KUBECTL'] ?? 'kubectl'
  readonly #profile: string | null
  #haproxy: Promise<Party> | null = null
  #product: Promise<Product> | null = null

  constructor(options: {
    readonly parties: Parties
    readonly report: Report
    readonly quick: boolean
    readonly profile: string | null
  }) {
    this.parties = options.parties
    this.report = options.report
    this.quick = options.quick
    this.#profile = options.profile
  }

  haproxy(): Promise<Party> {
    this.#haproxy ??= this.parties.haproxy()
    return this.#haproxy
  }

  /** The product with one cluster and one role. */
  product(): Promise<Product> {
    this.#product ??= this.parties.product('one', { profile: this.#profile })
    return this.#product
  }

  /** The product before an API server other than nginx. */
  productBefore(name: string, upstreamPort: number): Promise<Product> {
    return this.parties.product(name, { upstreamPort, profile: this.#profile })
  }

  /**
   * Measures parties in turn, several times, so that what else the machine does meets all of them, and nobody is measured
   * while his own start is still at work or his code still cold.
   */
  async inTurn(parties: readonly Party[], fields: Partial<Load> = {}): Promise<Row[]> {
    const { quick } = this
    for (const { pid } of parties) if (pid !== null) await untilQuiet(pid)
    const rounds = quick ? 1 : 5
    const found = parties.map((): Row[] => [])
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, party] of parties.entries()) {
        const pids = party.pid === null ? [] : [party.pid]
        const measured = await generate({
          host: '127.0.0.1',
          port: party.port,
          path: SMALL,
          tls: party.tls,
          connections: 64,
          warmUpMs: round === 0 ? 4000 : 1000,
          runMs: quick ? 2000 : 4000,
          mode: 'requests',
          pids,
          ...fields,
        })
        const { requests, seconds, bytes, cpuSeconds, p50Ms, p99Ms } = measured
        found[index]?.push({
          perSecond: requests / seconds,
          perCore: pids.length === 0 ? Number.NaN : requests / cpuSeconds,
          p50Ms,
          p99Ms,
          mbPerSecond: bytes / 1e6 / seconds,
          mbPerCore: pids.length === 0 ? Number.NaN : bytes / 1e6 / cpuSeconds,
        })
      }
    }
    return found.map(mediansOf)
  }
}

function mediansOf(rows: readonly Row[]): Row {
  const of = (name: keyof Row): number => median(rows.map((row) => row[name]))
  return {
    perSecond: of('perSecond'),
    perCore: of('perCore'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    mbPerSecond: of('mbPerSecond'),
    mbPerCore: of('mbPerCore'),
  }
}
