import { Histogram, Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { countRequests } from './request-metrics.ts'

const request = (method: string) => ({
  exchange: { method },
  connection: { cluster: { name: 'prod' } },
  user: 'ann',
  stream: null,
  startedMs: 0,
})
const answered = (status: number, bytesSent: number) =>
  ({ outcome: 'done', status, bytesSent, bytesReceived: 0, error: null }) as const

describe('metrics of requests', () => {
  it('are told as prom-client would tell them', async () => {
    const registry = new Registry()
    const counted = countRequests(registry, 'p_')
    const theirs = new Registry()
    const durations = new Histogram({
      name: 'p_request_duration_seconds',
      help: 'From the head of a request to the end of its answer',
      labelNames: ['component'],
      registers: [theirs],
    })
    for (const durationMs of [0, 5, 5.1, 9, 240, 9999, 10_001]) {
      counted.requestStarted(request('GET'))
      counted.requestEnded(request('GET'), answered(200, 1200), durationMs)
      durations.observe({ component: 'kube_service' }, durationMs / 1000)
    }
    expect(await registry.getSingleMetricAsString('p_request_duration_seconds')).toBe(
      await theirs.getSingleMetricAsString('p_request_duration_seconds'),
    )
  })

  it('count by method, status and code of refusal, also when they are read twice', async () => {
    const registry = new Registry()
    const counted = countRequests(registry, 'p_')
    for (const [method, status] of [
      ['GET', 200],
      ['GET', 200],
      ['GET', 404],
      ['POST', 201],
    ] as const) {
      counted.requestStarted(request(method))
      counted.requestEnded(request(method), answered(status, 50), 1)
    }
    counted.requestStarted(request('GET'))
    counted.requestRefused('prod', 'ann', 'LOCKED', 403)
    await registry.metrics()
    const lines = (await registry.metrics()).split('\n').filter((line) => /^[a-z]/.test(line))
    expect(lines).toEqual(
      expect.arrayContaining([
        'p_api_requests_total{component="kube_service",code="200",method="GET"} 2',
        'p_api_requests_total{component="kube_service",code="404",method="GET"} 1',
        'p_api_requests_total{component="kube_service",code="201",method="POST"} 1',
        'p_in_flight_requests{component="kube_service"} 1',
        'teleport_kubernetes_refused_requests_total{component="kube_service",code="LOCKED"} 1',
        'p_response_size_bytes_bucket{le="50",component="kube_service"} 4',
        'p_response_size_bytes_sum{component="kube_service"} 200',
        'p_response_size_bytes_count{component="kube_service"} 4',
      ]),
    )
  })
})
