import type { AuditLog, SpoolStats } from '../../audit/index.ts'
import type { StatsSnapshot } from '../../contract/index.ts'
import type { Clock } from '../../core/index.ts'
import type { ForwarderMetrics } from '../../forwarder/index.ts'
import type { GatewayStats } from '../../gateway/index.ts'
import { AuditTally } from './audit-tally.ts'
import { ClusterTraffic } from './cluster-traffic.ts'
import type { EventLoopDelay } from './event-loop.ts'
import { LATENCY_BOUNDS_MS } from './latency.ts'
import { UserTable } from './user-table.ts'

/** A Kubernetes cluster as the registry knows it. */
interface KnownCluster {
  readonly name: string
  readonly online: boolean
}

/**
 * The live numbers of this process (`tctl top`). Requests are counted where they begin and end, in numbers that exist
 * already; everything else is read when somebody asks.
 */
export class LiveStats {
  readonly #clock: Clock
  readonly #version: string
  readonly #clusterName: string
  readonly #eventLoop: EventLoopDelay
  readonly #startedMs: number
  readonly #total = new ClusterTraffic()
  readonly #clusters = new Map<string, ClusterTraffic>()
  readonly #users = new UserTable()
  readonly #refusals = new Map<string, number>()
  readonly #audit = new AuditTally()
  #spool: () => SpoolStats | null = () => null
  #gateways: () => readonly GatewayStats[] = () => []

  constructor(options: {
    readonly clock: Clock
    readonly version: string
    readonly clusterName: string
    readonly eventLoop: EventLoopDelay
  }) {
    this.#clock = options.clock
    this.#version = options.version
    this.#clusterName = options.clusterName
    this.#eventLoop = options.eventLoop
    this.#startedMs = options.clock.now()
  }

  /** What the data path tells. */
  readonly forwarder: ForwarderMetrics = {
    requestStarted: ({ connection, stream, user, startedMs }) => {
      this.#total.started(stream)
      this.#clusterOf(connection.cluster.name).started(stream)
      this.#users.started(user, startedMs)
    },
    requestEnded: ({ connection, stream, user, startedMs }, outcome, durationMs) => {
      const { status, bytesSent, bytesReceived, error } = outcome
      const cluster = this.#clusterOf(connection.cluster.name)
      this.#total.ended(stream, status, durationMs, bytesSent, bytesReceived)
      cluster.ended(stream, status, durationMs, bytesSent, bytesReceived)
      this.#users.ended(user, startedMs + durationMs, status, bytesSent, bytesReceived)
      if (error !== null && error.code !== 'ABORTED') this.#refusal(error.code)
    },
    requestRefused: (cluster, user, code, status) => {
      this.#total.refused(status)
      if (cluster !== '') this.#clusterOf(cluster).refused(status)
      if (user !== null) this.#users.refused(user, this.#clock.now())
      this.#refusal(code)
    },
  }

  /** The audit log of the management API, whose events are counted on their way. */
  countingAudit(audit: AuditLog): AuditLog {
    return this.#audit.counting(audit)
  }

  observeSpool(stats: () => SpoolStats): void {
    this.#spool = stats
  }

  observeGateways(stats: () => readonly GatewayStats[]): void {
    this.#gateways = stats
  }

  /** `known`: the clusters of the registry; those that only had traffic are not told. */
  read(known: readonly KnownCluster[]): StatsSnapshot {
    const nowMs = this.#clock.now()
    const memory = process.memoryUsage()
    const cpu = process.cpuUsage()
    const spool = this.#spool()
    return {
      time: new Date(nowMs).toISOString(),
      started_at: new Date(this.#startedMs).toISOString(),
      uptime_ms: Math.max(0, nowMs - this.#startedMs),
      version: this.#version,
      cluster_name: this.#clusterName,
      latency_bounds_ms: [...LATENCY_BOUNDS_MS],
      total: this.#total.snapshot(),
      clusters: known.map(({ name, online }) => ({
        name,
        online,
        ...(this.#clusters.get(name) ?? NO_TRAFFIC).snapshot(),
      })),
      ...this.#users.snapshot(nowMs),
      refusals: summed(this.#refusals, this.#audit.refusals),
      logins: { ok: this.#audit.loginsOk, failed: this.#audit.loginsFailed },
      audit_spool: {
        pending_events: spool?.pendingEvents ?? 0,
        pending_bytes: spool?.pendingBytes ?? 0,
        oldest_pending_ms: Math.max(0, spool?.oldestPendingMs ?? 0),
        refused_events: spool?.refusedEvents ?? 0,
      },
      gateway: gatewaySum(this.#gateways()),
      process: {
        rss_bytes: memory.rss,
        heap_used_bytes: memory.heapUsed,
        cpu_ms: Math.round((cpu.user + cpu.system) / 1000),
        event_loop_delay_ms: this.#eventLoop.read(),
      },
    }
  }

  #clusterOf(name: string): ClusterTraffic {
    const known = this.#clusters.get(name)
    if (known !== undefined) return known
    const traffic = new ClusterTraffic()
    this.#clusters.set(name, traffic)
    return traffic
  }

  #refusal(code: string): void {
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1)
  }
}

const NO_TRAFFIC = new ClusterTraffic()

function summed(...tallies: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const tally of tallies) {
    for (const [code, count] of tally) sum[code] = (sum[code] ?? 0) + count
  }
  return sum
}

function gatewaySum(gateways: readonly GatewayStats[]): StatsSnapshot['gateway'] {
  const add = (pick: (one: GatewayStats) => number): number =>
    gateways.reduce((total, one) => total + pick(one), 0)
  return {
    connections: add((one) => one.connections),
    pending_hellos: add((one) => one.pendingHellos),
    bytes_up: add((one) => one.bytesUp),
    bytes_down: add((one) => one.bytesDown),
    refused: summed(...gateways.map(({ refused }) => new Map(Object.entries(refused)))),
  }
}
