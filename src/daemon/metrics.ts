import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { SpoolStats } from '../audit/index.ts'
import type { ForwarderMetrics } from '../forwarder/index.ts'
import type { GatewayStats } from '../gateway/index.ts'

export interface Metrics {
  readonly registry: Registry
  readonly forwarder: ForwarderMetrics
  observeSpool(stats: () => SpoolStats): void
  observeGateways(stats: () => readonly GatewayStats[]): void
}

const COMPONENT = { component: 'kube_service' } as const

/** The process's metrics; those of requests have the original's names. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const prefix = 'teleport_kubernetes_server_'
  const requests = new Counter({
    name: `${prefix}api_requests_total`,
    help: 'Requests of Kubernetes clients that were allowed',
    labelNames: ['component', 'code', 'method'],
    registers: [registry],
  })
  const refusals = new Counter({
    name: 'teleport_kubernetes_refused_requests_total',
    help: 'Requests of Kubernetes clients that were not allowed, by code of docs/errors.md',
    labelNames: ['component', 'code'],
    registers: [registry],
  })
  const inFlight = new Gauge({
    name: `${prefix}in_flight_requests`,
    help: 'Requests of Kubernetes clients that go on',
    labelNames: ['component'],
    registers: [registry],
  })
  const duration = new Histogram({
    name: `${prefix}request_duration_seconds`,
    help: 'From the head of a request to the end of its answer',
    labelNames: ['component'],
    registers: [registry],
  })
  const size = new Histogram({
    name: `${prefix}response_size_bytes`,
    help: 'Body bytes of answers',
    labelNames: ['component'],
    buckets: Array.from({ length: 13 }, (_, power) => 50 * 3 ** power),
    registers: [registry],
  })
  return {
    registry,
    forwarder: {
      requestStarted: () => inFlight.inc(COMPONENT),
      requestEnded: ({ exchange }, { status, bytesSent }, durationMs) => {
        inFlight.dec(COMPONENT)
        requests.inc({ ...COMPONENT, code: String(status), method: exchange.method })
        duration.observe(COMPONENT, durationMs / 1000)
        size.observe(COMPONENT, bytesSent)
      },
      requestRefused: (_cluster, _user, code) => refusals.inc({ ...COMPONENT, code }),
    },
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
