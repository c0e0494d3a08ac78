import type { StatsSnapshot, StreamCounts, Traffic, UserTraffic } from '../../../contract/index.ts'

/** Rates are per second between two snapshots; null while there is only one. What is no rate is as of now. */
export interface TrafficSample {
  readonly requests_per_second: number | null
  /** Answered with 5xx. */
  readonly errors_per_second: number | null
  /** Answered by us instead of a cluster. */
  readonly refused_per_second: number | null
  readonly bytes_per_second: number | null
  /** Requests and streams that go on. */
  readonly live: number
  /** Since the start of the service. */
  readonly requests: number
}

export interface ClusterSample extends TrafficSample {
  readonly name: string
  readonly online: boolean
  readonly streams: StreamCounts
  readonly p50_ms: number | null
  readonly p99_ms: number | null
}

export interface UserSample extends TrafficSample {
  readonly name: string
}

export interface RefusalSample {
  readonly code: string
  readonly per_second: number | null
  readonly count: number
}

/** What happened between two snapshots: a line of `tctl top --format=json`, and what the screen shows. */
export interface TopSample {
  readonly time: string
  readonly interval_ms: number | null
  readonly cluster_name: string
  readonly version: string
  readonly uptime_ms: number
  readonly requests_per_second: number | null
  readonly requests: number
  readonly in_flight: number
  readonly streams: StreamCounts
  readonly status_per_second: Readonly<Record<keyof Traffic['by_status'], number | null>>
  readonly refused_per_second: number | null
  /** Of the requests that ended in the interval, those answered with 5xx; null when none ended. */
  readonly error_share: number | null
  readonly p50_ms: number | null
  readonly p99_ms: number | null
  readonly sent_per_second: number | null
  readonly received_per_second: number | null
  readonly clusters: readonly ClusterSample[]
  readonly users: readonly UserSample[]
  /** Of those who are not named. */
  readonly users_other: TrafficSample & { readonly users: number }
  readonly refusals: readonly RefusalSample[]
  readonly logins: {
    readonly ok: number
    readonly failed: number
    readonly ok_per_second: number | null
    readonly failed_per_second: number | null
  }
  readonly audit_spool: StatsSnapshot['audit_spool']
  readonly gateway: StatsSnapshot['gateway']
  readonly rss_bytes: number
  /** Of one core. */
  readonly cpu_share: number | null
  readonly event_loop_p99_ms: number
}

/**
 * Compares two snapshots. `since` is an earlier one for quantiles, which need more requests than one interval may have.
 * Snapshots of another process (it was started anew) are as good as none.
 */
export function sampleOf(
  current: StatsSnapshot,
  previous: StatsSnapshot | null,
  since: StatsSnapshot | null = previous,
): TopSample {
  const before = comparable(current, previous)
  const window = comparable(current, since)
  const intervalMs = before === null ? null : current.uptime_ms - before.uptime_ms
  const rate = (now: number, then: number | undefined): number | null =>
    intervalMs === null ? null : (Math.max(0, now - (then ?? 0)) * 1000) / intervalMs
  const { total } = current
  const quantiles = quantilesOf(current.latency_bounds_ms)
  const clustersBefore = new Map(before?.clusters.map((cluster) => [cluster.name, cluster]))
  const clustersSince = new Map(window?.clusters.map((cluster) => [cluster.name, cluster]))
  const usersBefore = new Map(before?.users.map((user) => [user.name, user]))
  const statusRate = (status: keyof Traffic['by_status']): number | null =>
    rate(total.by_status[status], before?.total.by_status[status])
  const requests = total.requests - (before?.total.requests ?? 0)
  const errors = total.by_status['5xx'] - (before?.total.by_status['5xx'] ?? 0)
  return {
    time: current.time,
    interval_ms: intervalMs,
    cluster_name: current.cluster_name,
    version: current.version,
    uptime_ms: current.uptime_ms,
    requests_per_second: rate(total.requests, before?.total.requests),
    requests: total.requests,
    in_flight: total.in_flight,
    streams: total.streams,
    status_per_second: {
      '1xx': statusRate('1xx'),
      '2xx': statusRate('2xx'),
      '3xx': statusRate('3xx'),
      '4xx': statusRate('4xx'),
      '5xx': statusRate('5xx'),
      aborted: statusRate('aborted'),
    },
    refused_per_second: rate(total.refused, before?.total.refused),
    error_share: before === null || requests <= 0 ? null : errors / requests,
    ...quantiles(total.latency, window?.total.latency),
    sent_per_second: rate(total.bytes_sent, before?.total.bytes_sent),
    received_per_second: rate(total.bytes_received, before?.total.bytes_received),
    clusters: current.clusters.map((cluster) => {
      const then = clustersBefore.get(cluster.name)
      return {
        name: cluster.name,
        online: cluster.online,
        streams: cluster.streams,
        requests_per_second: rate(cluster.requests, then?.requests),
        errors_per_second: rate(cluster.by_status['5xx'], then?.by_status['5xx']),
        refused_per_second: rate(cluster.refused, then?.refused),
        bytes_per_second: rate(
          cluster.bytes_sent + cluster.bytes_received,
          then === undefined ? undefined : then.bytes_sent + then.bytes_received,
        ),
        live: cluster.in_flight + streamSum(cluster.streams),
        requests: cluster.requests,
        ...quantiles(
          cluster.latency,
          window === null ? undefined : (clustersSince.get(cluster.name)?.latency ?? []),
        ),
      }
    }),
    users: current.users.map((user) => ({
      name: user.name,
      ...userRates(user, usersBefore.get(user.name), before, rate),
    })),
    users_other: {
      users: current.users_other.users,
      ...userRates(current.users_other, before?.users_other, before, rate),
    },
    refusals: Object.entries(current.refusals)
      .map(([code, count]) => ({ code, count, per_second: rate(count, before?.refusals[code]) }))
      .sort(
        (a, b) =>
          (b.per_second ?? 0) - (a.per_second ?? 0) ||
          b.count - a.count ||
          (a.code < b.code ? -1 : 1),
      ),
    logins: {
      ...current.logins,
      ok_per_second: rate(current.logins.ok, before?.logins.ok),
      failed_per_second: rate(current.logins.failed, before?.logins.failed),
    },
    audit_spool: current.audit_spool,
    gateway: current.gateway,
    rss_bytes: current.process.rss_bytes,
    cpu_share:
      before === null || intervalMs === null
        ? null
        : Math.max(0, current.process.cpu_ms - before.process.cpu_ms) / intervalMs,
    event_loop_p99_ms: current.process.event_loop_delay_ms.p99,
  }
}

/** The earlier snapshot, when its counters are the same process’s and time went on. */
function comparable(current: StatsSnapshot, earlier: StatsSnapshot | null): StatsSnapshot | null {
  if (earlier === null || earlier.started_at !== current.started_at) return null
  return current.uptime_ms > earlier.uptime_ms ? earlier : null
}

export const streamSum = (streams: StreamCounts): number =>
  Object.values(streams).reduce((sum, count) => sum + count, 0)

type Rate = (now: number, then: number | undefined) => number | null

function userRates(
  now: Omit<UserTraffic, 'name'>,
  then: Omit<UserTraffic, 'name'> | undefined,
  before: StatsSnapshot | null,
  rate: Rate,
): TrafficSample {
  // Who was not named before may have been counted with the others: his rate is not known yet.
  const hidden = then === undefined && (before?.users_other.requests ?? 0) > 0
  const known: Rate = hidden ? () => null : rate
  return {
    requests_per_second: known(now.requests, then?.requests),
    errors_per_second: known(now.errors, then?.errors),
    refused_per_second: known(now.refused, then?.refused),
    bytes_per_second: known(
      now.bytes_sent + now.bytes_received,
      then === undefined ? undefined : then.bytes_sent + then.bytes_received,
    ),
    live: now.live,
    requests: now.requests,
  }
}

type Quantiles = Pick<ClusterSample, 'p50_ms' | 'p99_ms'>

const quantilesOf =
  (boundsMs: readonly number[]) =>
  (now: readonly number[], then: readonly number[] | undefined): Quantiles => {
    if (then === undefined) return { p50_ms: null, p99_ms: null }
    const counts = now.map((count, bucket) => Math.max(0, count - (then[bucket] ?? 0)))
    return { p50_ms: quantile(counts, boundsMs, 0.5), p99_ms: quantile(counts, boundsMs, 0.99) }
  }

/**
 * A quantile of bucketed durations in milliseconds, as if those of a bucket lay evenly in it; null when there are none. What
 * lies above the last bound counts as that bound.
 */
export function quantile(
  counts: readonly number[],
  boundsMs: readonly number[],
  share: number,
): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return null
  const wanted = share * total
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const lower = boundsMs[bucket - 1] ?? 0
      const upper = boundsMs[bucket] ?? lower
      return lower + ((upper - lower) * (wanted - below)) / count
    }
    below += count
  }
  return boundsMs.at(-1) ?? null
}
