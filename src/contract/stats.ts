import { type Static, Type } from 'typebox'

const Count = Type.Integer({ minimum: 0 })

/** Requests by the class of their answer; `aborted`: the client left first. */
const StatusCounts = Type.Object({
  '1xx': Count,
  '2xx': Count,
  '3xx': Count,
  '4xx': Count,
  '5xx': Count,
  aborted: Count,
})

/** What may stay open for hours, and goes on now. */
const Streams = Type.Object({
  watch: Count,
  logs: Count,
  exec: Count,
  attach: Count,
  portforward: Count,
  proxy: Count,
})
export type StreamCounts = Static<typeof Streams>

const TrafficFields = {
  requests: Type.Integer({ minimum: 0, description: 'ended: answered, refused or left' }),
  by_status: StatusCounts,
  refused: Type.Integer({
    minimum: 0,
    description: 'of these: answered by us instead of a cluster',
  }),
  bytes_sent: Type.Integer({ minimum: 0, description: 'body bytes to clients' }),
  bytes_received: Type.Integer({ minimum: 0, description: 'body bytes from clients' }),
  in_flight: Type.Integer({
    minimum: 0,
    description: 'requests that go on, streams not among them',
  }),
  streams: Streams,
  latency: Type.Array(Count, {
    description:
      'ended requests by duration, streams not among them: one number for each of latency_bounds_ms, and a last one for what took longer',
  }),
}
const TrafficSchema = Type.Object(TrafficFields)
export type Traffic = Static<typeof TrafficSchema>

const UserFields = {
  requests: Count,
  errors: Type.Integer({ minimum: 0, description: 'of these: answered with 5xx' }),
  refused: Count,
  bytes_sent: Count,
  bytes_received: Count,
  live: Type.Integer({ minimum: 0, description: 'requests and streams that go on' }),
}
const UserTrafficSchema = Type.Object({ name: Type.String(), ...UserFields })
export type UserTraffic = Static<typeof UserTrafficSchema>

/** Counters of one process since its start. Two of them and the time between give rates. */
export const StatsSnapshot = Type.Object(
  {
    time: Type.String({ description: 'RFC 3339' }),
    started_at: Type.String({
      description: 'RFC 3339; when it differs from an earlier snapshot, the counters began anew',
    }),
    uptime_ms: Count,
    version: Type.String(),
    cluster_name: Type.String(),
    latency_bounds_ms: Type.Array(Count),
    total: TrafficSchema,
    clusters: Type.Array(
      Type.Object({ name: Type.String(), online: Type.Boolean(), ...TrafficFields }),
      { description: 'every Kubernetes cluster that is known, by name' },
    ),
    users: Type.Array(UserTrafficSchema, {
      description: 'the busiest of the last minute first; the others are summed in users_other',
    }),
    users_other: Type.Object({ users: Count, ...UserFields }),
    refusals: Type.Record(Type.String(), Count, { description: 'by code, see docs/errors.md' }),
    logins: Type.Object({ ok: Count, failed: Count }),
    audit_spool: Type.Object({
      pending_events: Count,
      pending_bytes: Count,
      oldest_pending_ms: Count,
      refused_events: Type.Integer({ minimum: 0, description: 'that could not be written' }),
    }),
    gateway: Type.Object({
      connections: Count,
      pending_hellos: Count,
      bytes_up: Count,
      bytes_down: Count,
      refused: Type.Record(Type.String(), Count, { description: 'by reason' }),
    }),
    process: Type.Object({
      rss_bytes: Count,
      heap_used_bytes: Count,
      cpu_ms: Count,
      event_loop_delay_ms: Type.Object(
        { p50: Type.Number(), p99: Type.Number(), max: Type.Number() },
        { description: 'of the last ten seconds that are over' },
      ),
    }),
  },
  { description: 'live numbers of one process' },
)
export type StatsSnapshot = Static<typeof StatsSnapshot>
