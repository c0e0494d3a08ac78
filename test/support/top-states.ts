import { initialState, reduceTop, type TopState } from '../../src/cli/tctl/top/state.ts'
import { parseKeys } from '../../src/cli/terminal/keys.ts'
import type { StatsSnapshot } from '../../src/contract/index.ts'
import { snapshotOf, trafficOf, userOf } from './stats.ts'

const HOUR_MS = 3_600_000

/** A busy morning: ten samples a second apart, the last two with errors. */
export function busyMorning(): readonly StatsSnapshot[] {
  const perSecond = [0, 2, 5, 9, 14, 20, 18, 25, 31, 28]
  let requests = 10_000
  return perSecond.map((count, second) => {
    requests += count
    const errors = second > 7 ? 3 * (second - 7) : 0
    return snapshotOf(3 * HOUR_MS + second * 1000, {
      total: trafficOf({
        requests,
        refused: 40 + second,
        by_status: { '2xx': requests - errors - 60, '4xx': 40 + second, '5xx': errors, '1xx': 4 },
        bytes_sent: 5_000_000 + 1_234_567 * second,
        bytes_received: 1000 * second,
        in_flight: 3,
        streams: { watch: 12, exec: 1 },
        latency: [0, 0, second * 99, second, 0],
      }),
      clusters: [
        {
          name: 'prod-eu',
          online: true,
          ...trafficOf({
            requests: requests - 500,
            by_status: { '5xx': errors },
            refused: 40 + second,
            bytes_sent: 1_000_000 * second,
            in_flight: 3,
            streams: { watch: 10, exec: 1 },
            latency: [0, 0, second * 99, second, 0],
          }),
        },
        {
          name: 'staging',
          online: true,
          ...trafficOf({ requests: 500, streams: { watch: 2 } }),
        },
        { name: 'museum', online: false, ...trafficOf() },
      ],
      users: [
        userOf('alice@example.com', {
          requests: 4000 + 10 * second,
          errors,
          bytes_sent: 500_000 * second,
          live: 9,
        }),
        userOf('jenkins', { requests: 6000 + 15 * second, live: 7 }),
        userOf('mallory', { requests: 40 + second, refused: 40 + second }),
      ],
      users_other: {
        users: 12,
        requests: 300,
        errors: 0,
        refused: 0,
        bytes_sent: 0,
        bytes_received: 0,
        live: 0,
      },
      refusals: { CLUSTER_DENIED: 40 + second, CERT_EXPIRED: 2 },
      logins: { ok: 17, failed: second },
      audit_spool: {
        pending_events: 4,
        pending_bytes: 4000,
        oldest_pending_ms: 350,
        refused_events: 0,
      },
      gateway: { connections: 34, pending_hellos: 1, bytes_up: 0, bytes_down: 0, refused: {} },
      process: {
        rss_bytes: 142_000_000,
        heap_used_bytes: 0,
        cpu_ms: 60_000 + 120 * second,
        event_loop_delay_ms: { p50: 1, p99: 3, max: 20 },
      },
    })
  })
}

/** The state after snapshots and keys; ten rows fit where it matters. */
export function topState(
  snapshots: readonly StatsSnapshot[],
  keys = '',
  options: { readonly colour?: boolean; readonly unicode?: boolean } = {},
): TopState {
  const { colour = false, unicode = true } = options
  const fed = snapshots.reduce<TopState>(
    (state, snapshot) => reduceTop(state, { type: 'snapshot', snapshot }),
    initialState({ intervalMs: 1000, colour, unicode }),
  )
  return parseKeys(keys).reduce<TopState>(
    (state, key) => reduceTop(state, { type: 'key', key, page: 10 }),
    fed,
  )
}
