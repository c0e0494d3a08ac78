import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { SpoolStats } from '../audit/index.ts'
import type { ForwarderMetrics } from '../forwarder/index.ts'
import type { GatewayStats } from '../gateway/index.ts'
import type { RecorderStats } from '../recordings/index.ts'
import type { TunnelStats } from '../tunnel/index.ts'
import { countRequests } from './request-metrics.ts'

export interface Metrics {
  readonly registry: Registry
  readonly forwarder: ForwarderMetrics
  observeSpool(stats: () => SpoolStats): void
  observeRecorder(stats: () => RecorderStats): void
  observeGateways(stats: () => readonly GatewayStats[]): void
  observeTunnels(stats: () => TunnelStats): void
}

/** The process's metrics; those of requests have the original's names. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    forwarder: countRequests(registry, 'teleport_kubernetes_server_'),
    observeSpool: (stats) =>
      observe(registry, 'teleport_audit_spool_', {
        pending_events: ['Audit events that wait for delivery', () => stats().pendingEvents],
        pending_bytes: ['Bytes of the audit spool on disk', () => stats().pendingBytes],
        oldest_pending_seconds: [
          'Age of the oldest event that waits',
          () => stats().oldestPendingMs / 1000,
        ],
        refused_events: [
          'Audit events since the start that could not be written',
          () => stats().refusedEvents,
        ],
      }),
    observeRecorder: (stats) =>
      observe(registry, 'teleport_recordings_', {
        live: ['Sessions that are recorded now', () => stats().live],
        pending: ['Recordings of which something waits in the spool', () => stats().pending],
        pending_bytes: ['Bytes of recordings in the spool', () => stats().pendingBytes],
        uploaded_chunks: ['Chunks delivered since the start', () => stats().uploadedChunks],
        failed_deliveries: [
          'Deliveries since the start that failed; most are tried again',
          () => stats().failedDeliveries,
        ],
        failed_records: [
          'Recordings since the start that could not go on',
          () => stats().failedRecords,
        ],
      }),
    observeTunnels: (stats) =>
      observe(registry, 'teleport_tunnel_', {
        dial_back_connections: [
          'Connections since the start for which an agent dialled back',
          () => stats().dialBack,
        ],
        stream_connections: [
          'Connections since the start that went within a tunnel',
          () => stats().stream,
        ],
        late_dial_backs: [
          'Connections since the start that went within a tunnel because no dial-back came in time',
          () => stats().late,
        ],
        warm_dial_backs: ['Dial-backs that wait for a connection', () => stats().warm],
        ordered_dial_backs: ['Dial-backs that agents were asked for', () => stats().ordered],
      }),
    observeGateways(stats) {
      const sum = (pick: (one: GatewayStats) => number): number =>
        stats().reduce((total, one) => total + pick(one), 0)
      observe(registry, 'teleport_gateway_', {
        connections: [
          'Connections that were routed and go on',
          () => sum((one) => one.connections),
        ],
        pending_hellos: [
          'Connections without a whole ClientHello',
          () => sum((one) => one.pendingHellos),
        ],
        bytes_up: ['Bytes piped from clients', () => sum((one) => one.bytesUp)],
        bytes_down: ['Bytes piped to clients', () => sum((one) => one.bytesDown)],
      })
      new Gauge({
        name: 'teleport_gateway_refused',
        help: 'Connections that were turned away, by reason',
        labelNames: ['reason'],
        registers: [registry],
        collect() {
          this.reset()
          for (const { refused } of stats()) {
            for (const [reason, count] of Object.entries(refused)) this.inc({ reason }, count)
          }
        },
      })
    },
  }
}

/** Tells two listeners, in order. */
export const bothMetrics = (
  first: ForwarderMetrics,
  second: ForwarderMetrics,
): ForwarderMetrics => ({
  requestStarted(request) {
    first.requestStarted(request)
    second.requestStarted(request)
  },
  requestEnded(request, outcome, durationMs) {
    first.requestEnded(request, outcome, durationMs)
    second.requestEnded(request, outcome, durationMs)
  },
  requestRefused(cluster, user, code, status) {
    first.requestRefused(cluster, user, code, status)
    second.requestRefused(cluster, user, code, status)
  },
})

function observe(
  registry: Registry,
  prefix: string,
  gauges: Readonly<Record<string, readonly [help: string, read: () => number]>>,
): void {
  for (const [name, [help, read]] of Object.entries(gauges)) {
    new Gauge({
      name: prefix + name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  }
}
