import type { Traffic } from '../../contract/index.ts'
import type { StreamKind } from '../../forwarder/index.ts'
import { LatencyHistogram } from './latency.ts'

/** What went to one cluster, or to all of them. Counting changes numbers in place and makes no object. */
export class ClusterTraffic {
  #requests = 0
  #refused = 0
  #aborted = 0
  readonly #byClass = [0, 0, 0, 0, 0, 0]
  #bytesSent = 0
  #bytesReceived = 0
  #inFlight = 0
  readonly #streams = { watch: 0, logs: 0, exec: 0, attach: 0, portforward: 0, proxy: 0 }
  readonly #latency = new LatencyHistogram()

  started(stream: StreamKind | null): void {
    if (stream === null) this.#inFlight += 1
    else this.#streams[stream] += 1
  }

  ended(
    stream: StreamKind | null,
    status: number,
    durationMs: number,
    bytesSent: number,
    bytesReceived: number,
  ): void {
    this.#count(status)
    this.#bytesSent += bytesSent
    this.#bytesReceived += bytesReceived
    if (stream !== null) {
      this.#streams[stream] -= 1
      return
    }
    this.#inFlight -= 1
    this.#latency.observe(durationMs)
  }

  refused(status: number): void {
    this.#count(status)
    this.#refused += 1
  }

  snapshot(): Traffic {
    const [, informed = 0, ok = 0, moved = 0, clientError = 0, serverError = 0] = this.#byClass
    return {
      requests: this.#requests,
      by_status: {
        '1xx': informed,
        '2xx': ok,
        '3xx': moved,
        '4xx': clientError,
        '5xx': serverError,
        aborted: this.#aborted,
      },
      refused: this.#refused,
      bytes_sent: this.#bytesSent,
      bytes_received: this.#bytesReceived,
      in_flight: this.#inFlight,
      streams: { ...this.#streams },
      latency: this.#latency.counts(),
    }
  }

  #count(status: number): void {
    this.#requests += 1
    const statusClass = Math.floor(status / 100)
    // 0: the client left before there was a status.
    if (statusClass < 1 || statusClass > 5) this.#aborted += 1
    else this.#byClass[statusClass] = (this.#byClass[statusClass] ?? 0) + 1
  }
}
