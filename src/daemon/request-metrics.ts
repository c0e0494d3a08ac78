import { Counter, Gauge, type Histogram, type Registry } from 'prom-client'
import type { ForwarderMetrics } from '../forwarder/index.ts'

const COMPONENT = { component: 'kube_service' } as const
/** As prom-client's own. */
const DURATION_BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SIZE_BOUNDS_BYTES = Array.from({ length: 13 }, (_, power) => 50 * 3 ** power)

/**
 * Counts requests in plain numbers, which become metrics when somebody asks: prom-client makes a text of the labels for
 * each number that it changes, and would be a fortieth of what a request costs.
 */
export function countRequests(registry: Registry, prefix: string): ForwarderMetrics {
  const requests = new Map<string, Map<number, number>>()
  const refusals = new Map<string, number>()
  const durations = new CountedHistogram({
    name: `${prefix}request_duration_seconds`,
    help: 'From the head of a request to the end of its answer',
    bounds: DURATION_BOUNDS_S,
  })
  const sizes = new CountedHistogram({
    name: `${prefix}response_size_bytes`,
    help: 'Body bytes of answers',
    bounds: SIZE_BOUNDS_BYTES,
  })
  let inFlight = 0
  new Counter({
    name: `${prefix}api_requests_total`,
    help: 'Requests of Kubernetes clients that were allowed',
    labelNames: ['component', 'code', 'method'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [method, byStatus] of requests) {
        for (const [status, count] of byStatus) {
          this.inc({ ...COMPONENT, code: String(status), method }, count)
        }
      }
    },
  })
  new Counter({
    name: 'teleport_kubernetes_refused_requests_total',
    help: 'Requests of Kubernetes clients that were not allowed, by code of docs/errors.md',
    labelNames: ['component', 'code'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [code, count] of refusals) this.inc({ ...COMPONENT, code }, count)
    },
  })
  new Gauge({
    name: `${prefix}in_flight_requests`,
    help: 'Requests of Kubernetes clients that go on',
    labelNames: ['component'],
    registers: [registry],
    collect() {
      this.set(COMPONENT, inFlight)
    },
  })
  durations.register(registry)
  sizes.register(registry)
  return {
    requestStarted: () => {
      inFlight += 1
    },
    requestEnded: ({ exchange }, { status, bytesSent }, durationMs) => {
      inFlight -= 1
      let byStatus = requests.get(exchange.method)
      if (byStatus === undefined) {
        byStatus = new Map()
        requests.set(exchange.method, byStatus)
      }
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1)
      durations.observe(durationMs / 1000)
      sizes.observe(bytesSent)
    },
    requestRefused: (_cluster, _user, code) => {
      refusals.set(code, (refusals.get(code) ?? 0) + 1)
    },
  }
}

/** A histogram with one set of labels. */
class CountedHistogram {
  readonly name: string
  readonly help: string
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly #bounds: readonly number[]
  /** One more than bounds: what is above the last. */
  readonly #counts: Float64Array
  #sum = 0

  constructor(options: {
    readonly name: string
    readonly help: string
    readonly bounds: readonly number[]
  }) {
    this.name = options.name
    this.help = options.help
    this.#bounds = options.bounds
    this.#counts = new Float64Array(options.bounds.length + 1)
  }

  register(registry: Registry): void {
    // A registry uses the name and get() of what it is given; the type asks for one of prom-client's own classes.
    registry.registerMetric(this as unknown as Histogram)
  }

  observe(value: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] ?? 0)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#sum += value
  }

  async get(): Promise<object> {
    let below = 0
    const buckets = [...this.#counts].map((count, index) => {
      below += count
      return {
        labels: { le: this.#bounds[index] ?? '+Inf', ...COMPONENT },
        value: below,
        metricName: `${this.name}_bucket`,
      }
    })
    return {
      name: this.name,
      help: this.help,
      type: this.type,
      aggregator: this.aggregator,
      values: [
        ...buckets,
        { labels: COMPONENT, value: this.#sum, metricName: `${this.name}_sum` },
        { labels: COMPONENT, value: below, metricName: `${this.name}_count` },
      ],
    }
  }
}
