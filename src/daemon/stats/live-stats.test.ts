import { describe, expect, it } from 'vitest'
import type { AuditEvent, AuditLog } from '../../audit/index.ts'
import type { MeasuredRequest, RequestOutcome, StreamKind } from '../../forwarder/index.ts'
import { LiveStats } from './live-stats.ts'

const START = Date.parse('2026-01-31T09:00:00Z')

class TestClock {
  nowMs = START
  now(): number {
    return this.nowMs
  }
}

const openStats = (clock = new TestClock()): LiveStats =>
  new LiveStats({
    clock,
    version: '1.2.3',
    clusterName: 'example.com',
    eventLoop: { read: () => ({ p50: 1, p99: 2, max: 3 }), [Symbol.dispose]: () => {} },
  })

const requestOf = (
  cluster: string,
  user = 'alice',
  stream: StreamKind | null = null,
): MeasuredRequest => ({
  exchange: { method: 'GET' },
  connection: { cluster: { name: cluster } },
  user,
  stream,
  startedMs: START,
})

const done = (status: number, error: RequestOutcome['error'] = null): RequestOutcome => ({
  outcome: error === null ? 'done' : 'failed',
  status,
  bytesSent: 100,
  bytesReceived: 7,
  error,
})

const both = [
  { name: 'dev', online: true },
  { name: 'prod', online: false },
]

describe('LiveStats', () => {
  it('counts requests by cluster, class of answer, and user', () => {
    const stats = openStats()
    const { forwarder } = stats
    for (const [cluster, user, status] of [
      ['dev', 'alice', 200],
      ['dev', 'alice', 404],
      ['dev', 'bob', 200],
      ['prod', 'bob', 0],
    ] as const) {
      const request = requestOf(cluster, user)
      forwarder.requestStarted(request)
      forwarder.requestEnded(request, done(status), 3)
    }
    const { total, clusters, users } = stats.read(both)
    const none = { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, aborted: 0 }
    expect(total).toMatchObject({
      requests: 4,
      by_status: { ...none, '2xx': 2, '4xx': 1, aborted: 1 },
      bytes_sent: 400,
      bytes_received: 28,
      in_flight: 0,
    })
    expect(clusters.map(({ name, online, requests }) => [name, online, requests])).toEqual([
      ['dev', true, 3],
      ['prod', false, 1],
    ])
    expect(users.map(({ name, requests }) => [name, requests])).toEqual([
      ['alice', 2],
      ['bob', 2],
    ])
  })

  it('counts what goes on, streams by their kind, and keeps streams out of the latency', () => {
    const stats = openStats()
    const watch = requestOf('dev', 'alice', 'watch')
    const exec = requestOf('dev', 'alice', 'exec')
    const plain = requestOf('dev')
    for (const request of [watch, exec, plain]) stats.forwarder.requestStarted(request)
    expect(stats.read(both).clusters[0]).toMatchObject({
      in_flight: 1,
      streams: { watch: 1, exec: 1, logs: 0, attach: 0, portforward: 0, proxy: 0 },
    })
    expect(stats.read(both).users[0]?.live).toBe(3)
    stats.forwarder.requestEnded(watch, done(200), 3_600_000)
    stats.forwarder.requestEnded(exec, done(101), 3_600_000)
    stats.forwarder.requestEnded(plain, done(200), 4)
    const { total } = stats.read(both)
    expect(total.streams).toMatchObject({ watch: 0, exec: 0 })
    expect(total.in_flight).toBe(0)
    expect(total.latency.reduce((sum, count) => sum + count, 0)).toBe(1)
  })

  it('counts refusals by code, those of strangers and of unknown clusters too', () => {
    const stats = openStats()
    const { forwarder } = stats
    forwarder.requestRefused('dev', 'alice', 'CLUSTER_DENIED', 403)
    forwarder.requestRefused('', null, 'CERT_MISSING', 401)
    const broken = requestOf('dev')
    forwarder.requestStarted(broken)
    forwarder.requestEnded(broken, done(503, { code: 'UPSTREAM_RESET', message: '' }), 1)
    const left = requestOf('dev')
    forwarder.requestStarted(left)
    forwarder.requestEnded(left, done(0, { code: 'ABORTED', message: '' }), 1)
    const { refusals, total, clusters } = stats.read(both)
    expect(refusals).toEqual({ CLUSTER_DENIED: 1, CERT_MISSING: 1, UPSTREAM_RESET: 1 })
    expect(total).toMatchObject({ requests: 4, refused: 2 })
    expect(clusters[0]).toMatchObject({ name: 'dev', requests: 3, refused: 1 })
  })

  it('counts logins and refusals of the management API by the events about them', async () => {
    const written: AuditEvent[] = []
    const log: AuditLog = { append: async (event) => void written.push(event) }
    const stats = openStats()
    const audit = stats.countingAudit(log)
    const event = (name: string, fields: object): AuditEvent => ({
      event: name,
      code: 'X',
      time: '',
      uid: '',
      cluster_name: '',
      ...fields,
    })
    await audit.append(event('user.login', { success: true }))
    await audit.append(event('user.login', { success: false }))
    await audit.append(event('user.login', { success: false, repeated: 40 }))
    await audit.append(event('auth', { success: false, error_code: 'ACCESS_DENIED' }))
    await audit.append(event('role.created', {}))
    const { logins, refusals } = stats.read([])
    expect(logins).toEqual({ ok: 1, failed: 41 })
    expect(refusals).toEqual({ ACCESS_DENIED: 1 })
    expect(written).toHaveLength(5)
  })

  it('does not count an event that could not be written', async () => {
    const stats = openStats()
    const audit = stats.countingAudit({
      append: async () => {
        throw new Error('disk full')
      },
    })
    const event = { event: 'user.login', success: true } as unknown as AuditEvent
    await expect(audit.append(event)).rejects.toThrow('disk full')
    expect(stats.read([]).logins).toEqual({ ok: 0, failed: 0 })
  })

  it('reads spool and gateways when it is asked', () => {
    const clock = new TestClock()
    const stats = openStats(clock)
    const gateway = {
      pendingHellos: 1,
      connections: 2,
      refused: { busy: 1, hello: 2 },
      bytesUp: 10,
      bytesDown: 20,
    }
    stats.observeGateways(() => [gateway, gateway])
    stats.observeSpool(() => ({
      pendingEvents: 5,
      pendingBytes: 500,
      oldestPendingMs: 1500,
      lastError: null,
      refusing: false,
      refusedEvents: 0,
    }))
    clock.nowMs += 61_000
    expect(stats.read([])).toMatchObject({
      version: '1.2.3',
      cluster_name: 'example.com',
      time: '2026-01-31T09:01:01.000Z',
      started_at: '2026-01-31T09:00:00.000Z',
      uptime_ms: 61_000,
      gateway: { connections: 4, pending_hellos: 2, bytes_up: 20, refused: { busy: 2, hello: 4 } },
      audit_spool: { pending_events: 5, oldest_pending_ms: 1500 },
      process: { event_loop_delay_ms: { p50: 1, p99: 2, max: 3 } },
    })
  })
})
