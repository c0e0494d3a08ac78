import { describe, expect, it } from 'vitest'
import { BOUNDS_MS, snapshotOf, trafficOf, userOf } from '../../../../test/support/stats.ts'
import { quantile, sampleOf } from './sample.ts'

describe('sampleOf()', () => {
  const before = snapshotOf(10_000, {
    total: trafficOf({ requests: 100, by_status: { '2xx': 90, '5xx': 10 }, bytes_sent: 1000 }),
    clusters: [{ name: 'dev', online: true, ...trafficOf({ requests: 100 }) }],
    users: [userOf('alice', { requests: 100, bytes_sent: 10 })],
    refusals: { CERT_EXPIRED: 4 },
    logins: { ok: 1, failed: 0 },
  })
  const after = snapshotOf(12_000, {
    total: trafficOf({
      requests: 120,
      by_status: { '2xx': 105, '5xx': 15 },
      bytes_sent: 5000,
      refused: 2,
      in_flight: 3,
      streams: { watch: 4 },
    }),
    clusters: [
      {
        name: 'dev',
        online: true,
        ...trafficOf({ requests: 110, streams: { exec: 1 }, in_flight: 2 }),
      },
      { name: 'new', online: false, ...trafficOf({ requests: 10 }) },
    ],
    users: [userOf('alice', { requests: 118, bytes_sent: 30 }), userOf('bob', { requests: 2 })],
    refusals: { CERT_EXPIRED: 4, CLUSTER_DENIED: 6 },
    logins: { ok: 3, failed: 1 },
  })

  it('gives what happened a second', () => {
    expect(sampleOf(after, before)).toMatchObject({
      interval_ms: 2000,
      requests_per_second: 10,
      requests: 120,
      in_flight: 3,
      status_per_second: { '2xx': 7.5, '5xx': 2.5, '4xx': 0 },
      error_share: 0.25,
      refused_per_second: 1,
      sent_per_second: 2000,
      logins: { ok: 3, ok_per_second: 1, failed_per_second: 0.5 },
    })
  })

  it('gives it for clusters and users, those that are new too', () => {
    const { clusters, users } = sampleOf(after, before)
    expect(clusters).toMatchObject([
      { name: 'dev', requests_per_second: 5, live: 3, requests: 110 },
      { name: 'new', online: false, requests_per_second: 5 },
    ])
    expect(users).toMatchObject([
      { name: 'alice', requests_per_second: 9, bytes_per_second: 10 },
      { name: 'bob', requests_per_second: 1 },
    ])
  })

  it('does not guess the rate of a user who may have been among the others before', () => {
    const others = { ...before.users_other, users: 3, requests: 50 }
    const { users } = sampleOf(after, { ...before, users_other: others })
    expect(users).toMatchObject([{ requests_per_second: 9 }, { requests_per_second: null }])
  })

  it('puts first what is refused now, and then what was refused most', () => {
    const { refusals } = sampleOf(after, before)
    expect(refusals).toEqual([
      { code: 'CLUSTER_DENIED', count: 6, per_second: 3 },
      { code: 'CERT_EXPIRED', count: 4, per_second: 0 },
    ])
  })

  it.each([
    ['there is only one', null],
    ['the service was started anew', { ...before, started_at: '2025-01-01T00:00:00.000Z' }],
    ['no time went by', { ...before, uptime_ms: 12_000 }],
  ])('knows no rate when %s', (_what, previous) => {
    expect(sampleOf(after, previous)).toMatchObject({
      interval_ms: null,
      requests_per_second: null,
      error_share: null,
      cpu_share: null,
      requests: 120,
      clusters: [{ requests_per_second: null, live: 3 }, {}],
      users: [{ requests_per_second: null, requests: 118 }, {}],
    })
  })

  it('takes quantiles from further back than rates', () => {
    const since = snapshotOf(1000, { total: trafficOf({ latency: [0, 5, 0, 0, 0] }) })
    const now = { ...after, total: trafficOf({ latency: [0, 5, 10, 0, 0] }) }
    expect(sampleOf(now, before, since)).toMatchObject({ p50_ms: 55, p99_ms: 99.1 })
  })
})

describe('quantile()', () => {
  it.each([
    ['nothing', [0, 0, 0, 0, 0], 0.5, null],
    ['all in the first bucket', [10, 0, 0, 0, 0], 0.5, 0.5],
    ['half and half', [5, 5, 0, 0, 0], 0.5, 1],
    ['the upper half', [5, 5, 0, 0, 0], 1, 10],
    ['beyond the last bound', [0, 0, 0, 0, 3], 0.5, 1000],
  ])('%s', (_what, counts, share, expected) => {
    expect(quantile(counts, BOUNDS_MS, share)).toBe(expected)
  })
})
