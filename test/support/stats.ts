import type { StatsSnapshot, StreamCounts, Traffic } from '../../src/contract/index.ts'

const START_MS = Date.parse('2026-01-31T09:00:00Z')
export const BOUNDS_MS = [1, 10, 100, 1000]

const streams = (fields: Partial<StreamCounts> = {}): StreamCounts => ({
  watch: 0,
  logs: 0,
  exec: 0,
  attach: 0,
  portforward: 0,
  proxy: 0,
  ...fields,
})

/** Traffic of which a test says what matters to it. */
export function trafficOf(
  fields: Partial<Omit<Traffic, 'streams' | 'by_status'>> & {
    readonly streams?: Partial<StreamCounts>
    readonly by_status?: Partial<Traffic['by_status']>
  } = {},
): Traffic {
  return {
    requests: 0,
    refused: 0,
    bytes_sent: 0,
    bytes_received: 0,
    in_flight: 0,
    latency: [0, 0, 0, 0, 0],
    ...fields,
    by_status: {
      '1xx': 0,
      '2xx': 0,
      '3xx': 0,
      '4xx': 0,
      '5xx': 0,
      aborted: 0,
      ...fields.by_status,
    },
    streams: streams(fields.streams),
  }
}

export const userOf = (
  name: string,
  fields: Partial<StatsSnapshot['users'][number]> = {},
): StatsSnapshot['users'][number] => ({
  name,
  requests: 0,
  errors: 0,
  refused: 0,
  bytes_sent: 0,
  bytes_received: 0,
  live: 0,
  ...fields,
})

/** A snapshot so many milliseconds after the start of a service. */
export function snapshotOf(uptimeMs: number, fields: Partial<StatsSnapshot> = {}): StatsSnapshot {
  const { name: _, ...nobody } = userOf('')
  return {
    time: new Date(START_MS + uptimeMs).toISOString(),
    started_at: new Date(START_MS).toISOString(),
    uptime_ms: uptimeMs,
    version: '1.2.3',
    cluster_name: 'example.com',
    latency_bounds_ms: BOUNDS_MS,
    total: trafficOf(),
    clusters: [],
    users: [],
    users_other: { users: 0, ...nobody },
    refusals: {},
    logins: { ok: 0, failed: 0 },
    audit_spool: { pending_events: 0, pending_bytes: 0, oldest_pending_ms: 0, refused_events: 0 },
    gateway: { connections: 0, pending_hellos: 0, bytes_up: 0, bytes_down: 0, refused: {} },
    process: {
      rss_bytes: 0,
      heap_used_bytes: 0,
      cpu_ms: 0,
      event_loop_delay_ms: { p50: 0, p99: 0, max: 0 },
    },
    ...fields,
  }
}
