import type { ClusterHealth } from '../../api/index.ts'
import { type Clock, fewAtOnce, type Logger } from '../../core/index.ts'
import type { Probe, SelfCheckReport } from '../../upstream/index.ts'
import { pause } from '../../waits/index.ts'

/** Clusters that are looked at at the same time. Of those that do not answer twice as many are seen within 15 seconds. */
const CHECKS_AT_ONCE = 64
/** Between two looks at all clusters: with the time that a look may take, a change is seen within 15 seconds. */
export const HEALTH_EVERY_MS = 5000
/** Rounds between two checks of our rights, which are six requests. */
const RIGHTS_EVERY_ROUNDS = 2
/** Checks of our rights between two searches for rights too many, which are eight more requests: half an hour. */
const EXCESS_EVERY_CHECKS = 180

/** What is asked of a cluster. Neither ever rejects. */
export interface Checked {
  readonly name: string
  readonly upstream: {
    probe(): Promise<Probe>
    selfCheck(): Promise<SelfCheckReport>
    findExcess(): Promise<readonly string[] | null>
  }
}

/** Rights without which nobody can be served: the others are lacked by some requests only. */
const VITAL: ReadonlySet<string> = new Set(['impersonate users', 'impersonate groups'])

/** What a cluster's answers mean. Pure. Words are for everybody who may see the cluster, so they name no address. */
export function judgeHealth(probe: Probe, rights: SelfCheckReport | null): string | null {
  switch (probe.kind) {
    case 'unreachable':
      return 'its API server does not answer'
    case 'untrusted':
      return 'its API server is not the one that is configured'
    case 'refused':
      return 'its API server does not accept the credentials of the service'
    case 'not-ready':
      return 'its API server is not ready'
    case 'ready': {
      const missing = (rights?.missing ?? []).filter((right) => VITAL.has(right))
      return missing.length === 0 ? null : `the service lacks rights there: ${missing.join(', ')}`
    }
  }
}

/** Looks at the clusters of a service for as long as it runs. */
export class HealthWatch implements AsyncDisposable {
  readonly #clusters = new Map<string, Checked>()
  readonly #clock: Clock
  readonly #log: Logger
  readonly #onChange: () => void
  readonly #health = new Map<string, ClusterHealth>()
  readonly #rights = new Map<string, SelfCheckReport>()
  /** What was found too much, and how many checks ago. */
  readonly #excess = new Map<string, { readonly rights: string; checks: number }>()
  readonly #everyMs: number
  readonly #stop = new AbortController()
  #round = 0
  #running: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly clusters: readonly Checked[]
    readonly clock: Clock
    readonly log: Logger
    readonly onChange: () => void
    readonly everyMs?: number
  }) {
    this.#clock = options.clock
    this.#log = options.log
    this.#onChange = options.onChange
    this.#everyMs = options.everyMs ?? HEALTH_EVERY_MS
    for (const cluster of options.clusters) this.#enter(cluster)
  }

  start(): void {
    this.#running = this.#run(this.#stop.signal)
  }

  current(name: string): ClusterHealth {
    const health = this.#health.get(name)
    if (health === undefined) throw new TypeError(`"${name}" is not watched`)
    return health
  }

  /** Looks at one more from now on, at once for the first time. */
  add(cluster: Checked): void {
    this.#enter(cluster)
    void this.#look(cluster, true)
  }

  remove(name: string): void {
    this.#clusters.delete(name)
    this.#health.delete(name)
    this.#rights.delete(name)
    this.#excess.delete(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const withRights = this.#round % RIGHTS_EVERY_ROUNDS === 0
      this.#round += 1
      await fewAtOnce(
        [...this.#clusters.values()].map((cluster) => async () => {
          if (!signal.aborted) await this.#look(cluster, withRights)
        }),
        CHECKS_AT_ONCE,
      )
      await pause(this.#everyMs, signal)
    }
  }

  #enter(cluster: Checked): void {
    const sinceMs = this.#clock.now()
    this.#clusters.set(cluster.name, cluster)
    this.#health.set(cluster.name, {
      health: 'unknown',
      problem: null,
      sinceMs,
      kubernetesVersion: null,
    })
  }

  async #look(cluster: Checked, withRights: boolean): Promise<void> {
    const { name, upstream } = cluster
    const probe = await upstream.probe()
    if (withRights && probe.kind === 'ready') await this.#checkRights(cluster)
    // Meanwhile it may be served no more.
    if (this.#clusters.get(name) !== cluster) return
    const rights = this.#rights.get(name) ?? null
    const problem = judgeHealth(probe, rights)
    const before = this.current(name)
    const kubernetesVersion = rights?.version ?? before.kubernetesVersion
    const health = problem === null ? 'healthy' : 'unhealthy'
    const same = before.health === health && before.problem === problem
    if (same && before.kubernetesVersion === kubernetesVersion) return
    const sinceMs = before.health === health ? before.sinceMs : this.#clock.now()
    this.#health.set(name, { health, problem, sinceMs, kubernetesVersion })
    if (!same) this.#say(name, before, probe, problem)
    this.#onChange()
  }

  async #checkRights(cluster: Checked): Promise<void> {
    const { name, upstream } = cluster
    const report = await upstream.selfCheck()
    if (this.#clusters.get(name) !== cluster) return
    this.#heard(name, report)
    // Who may do everything was told so; who cannot be asked is asked again.
    if (!report.reachable || report.problem !== null || report.tooPowerful) return
    const before = this.#excess.get(name)
    if (before !== undefined && before.checks < EXCESS_EVERY_CHECKS) {
      before.checks += 1
      return
    }
    const excess = await upstream.findExcess()
    if (excess === null) return
    const rights = excess.join(', ')
    this.#excess.set(name, { rights, checks: 0 })
    if (rights === '' || rights === before?.rights) return
    this.#log.warn(
      { cluster: name, excess },
      'the account of this service has rights in the whole cluster that it does not need: one that may only impersonate is safer (docs/kubernetes-rights.md)',
    )
  }

  /** Tells an administrator what the account of this service lacks, or has too much of: once, until it changes. */
  #heard(cluster: string, report: SelfCheckReport): void {
    if (!report.reachable) return
    const before = this.#rights.get(cluster)
    this.#rights.set(cluster, report)
    const is = { missing: report.missing, problem: report.problem, tooPowerful: report.tooPowerful }
    const was = before && {
      missing: before.missing,
      problem: before.problem,
      tooPowerful: before.tooPowerful,
    }
    if (JSON.stringify(is) === JSON.stringify(was)) return
    if (report.missing.length > 0) {
      this.#log.warn(
        { cluster, missing: report.missing },
        'the account of this service lacks rights in the cluster: people will be refused by its API server',
      )
    }
    if (report.problem !== null) {
      this.#log.warn(
        { cluster, problem: report.problem },
        'the rights in the cluster could not be checked',
      )
    }
    if (report.tooPowerful) {
      this.#log.warn(
        { cluster },
        'the account of this service may do everything in the cluster: one that may only impersonate is safer (docs/kubernetes-rights.md)',
      )
    }
  }

  #say(cluster: string, before: ClusterHealth, probe: Probe, problem: string | null): void {
    if (problem !== null) {
      const reason = probe.words === '' ? {} : { reason: probe.words }
      this.#log.warn({ cluster, problem, ...reason }, 'a kubernetes cluster is not well')
    } else if (before.health === 'unhealthy') {
      this.#log.info({ cluster }, 'a kubernetes cluster is well again')
    }
  }
}
