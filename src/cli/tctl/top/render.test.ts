import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { snapshotOf, trafficOf, userOf } from '../../../../test/support/stats.ts'
import { busyMorning, topState } from '../../../../test/support/top-states.ts'
import { displayWidth } from '../../terminal/width.ts'
import { renderTop } from './render.ts'
import { reduceTop } from './state.ts'

describe('the screen of tctl top', () => {
  it('on a common terminal', () => {
    const state = topState(busyMorning(), '')
    expect(renderTop(state, { columns: 80, rows: 24 })).toEqual([
      'example.com  teleport 1.2.3  up 3h                           12:00:09Z  every 1s',
      'requests  28/s now  31/s peak  3 in flight  12 watch  1 exec',
      '    31/s                                                                   ▂▁▅█▆',
      '                                                                       ▁▃▅▇█████',
      'answers   25 2xx/s  1.0 4xx/s  3.0 5xx/s  11% errors  1.0 refused/s  0 3xx/s',
      'latency   55ms p50  100ms p99  of the last 30s, without streams',
      'bytes     1.2MB/s to clients  1.0kB/s from clients  34 connected  1 pending',
      'audit     4 events wait  350ms oldest  17 logins  9 failed',
      'process   12% of a core  142MB memory  3ms event loop p99',
      '',
      'CLUSTERS 3            REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S   STATUS     P99',
      'prod-eu                  28     3.0     1.0      14     1.0MB   online   100ms',
      'staging                   0       0       0       2        0B   online       -',
      'museum                    0       0       0       0        0B  OFFLINE       -',
      'USERS 3               REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S   TOTAL',
      'jenkins                  15       0       0       7        0B    6.1k',
      'alice@example.com        10     3.0       0       9     500kB    4.1k',
      'mallory                 1.0       0     1.0       0        0B      49',
      '(12 others)               0       0       0       0        0B     300',
      'REFUSALS 2      REF/S   TOTAL',
      'CLUSTER_DENIED    1.0      49',
      'CERT_EXPIRED        0       2',
      '',
      'q quit   ? help   space pause   / filter   tab next table   r e d l b t p n sort',
    ])
  })

  it('on a tall one, with room between the tables', () => {
    const state = topState(busyMorning(), '')
    expect(renderTop(state, { columns: 100, rows: 34 })).toEqual([
      'example.com  teleport 1.2.3  up 3h                                               12:00:09Z  every 1s',
      'requests  28/s now  31/s peak  3 in flight  12 watch  1 exec  10.2k since the start',
      '    31/s                                                                                          █▄',
      '                                                                                               ▂ ███',
      '                                                                                              ▂█▇███',
      '                                                                                             ▄██████',
      '                                                                                           ▃▆███████',
      'answers   25 2xx/s  1.0 4xx/s  3.0 5xx/s  11% errors  1.0 refused/s  0 3xx/s  0 left/s  0 upgrades/s',
      'latency   55ms p50  100ms p99  of the last 30s, without streams',
      'bytes     1.2MB/s to clients  1.0kB/s from clients  34 connected  1 pending',
      'audit     4 events wait  350ms oldest  17 logins  9 failed',
      'process   12% of a core  142MB memory  3ms event loop p99',
      '',
      'CLUSTERS 3            REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S   TOTAL   STATUS     P99     P50',
      'prod-eu                  28     3.0     1.0      14     1.0MB    9.7k   online   100ms    55ms',
      'staging                   0       0       0       2        0B     500   online       -       -',
      'museum                    0       0       0       0        0B       0  OFFLINE       -       -',
      '',
      'USERS 3               REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S   TOTAL',
      'jenkins                  15       0       0       7        0B    6.1k',
      'alice@example.com        10     3.0       0       9     500kB    4.1k',
      'mallory                 1.0       0     1.0       0        0B      49',
      '(12 others)               0       0       0       0        0B     300',
      '',
      'REFUSALS 2      REF/S   TOTAL',
      'CLUSTER_DENIED    1.0      49',
      'CERT_EXPIRED        0       2',
      '',
      '',
      '',
      '',
      '',
      '',
      'q quit   ? help   space pause   / filter   tab next table   r e d l b t p n sort   ↑↓ scroll',
    ])
  })

  it('on a wide one, with refusals beside users', () => {
    const state = topState(busyMorning(), '')
    expect(renderTop(state, { columns: 132, rows: 22 })).toEqual([
      'example.com  teleport 1.2.3  up 3h                                                                               12:00:09Z  every 1s',
      'requests  28/s now  31/s peak  3 in flight  12 watch  1 exec  10.2k since the start',
      '    31/s                                                                                                                       ▂▁▅█▆',
      '                                                                                                                           ▁▃▅▇█████',
      'answers   25 2xx/s  1.0 4xx/s  3.0 5xx/s  11% errors  1.0 refused/s  0 3xx/s  0 left/s  0 upgrades/s',
      'latency   55ms p50  100ms p99  of the last 30s, without streams',
      'bytes     1.2MB/s to clients  1.0kB/s from clients  34 connected  1 pending',
      'audit     4 events wait  350ms oldest  17 logins  9 failed',
      'process   12% of a core  142MB memory  3ms event loop p99',
      '',
      'CLUSTERS 3            REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S   TOTAL   STATUS     P99     P50',
      'prod-eu                  28     3.0     1.0      14     1.0MB    9.7k   online   100ms    55ms',
      'staging                   0       0       0       2        0B     500   online       -       -',
      'museum                    0       0       0       0        0B       0  OFFLINE       -       -',
      'USERS 3               REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S   TOTAL                   REFUSALS 2      REF/S   TOTAL',
      'jenkins                  15       0       0       7        0B    6.1k                   CLUSTER_DENIED    1.0      49',
      'alice@example.com        10     3.0       0       9     500kB    4.1k                   CERT_EXPIRED        0       2',
      'mallory                 1.0       0     1.0       0        0B      49',
      '(12 others)               0       0       0       0        0B     300',
      '',
      '',
      'q quit   ? help   space pause   / filter   tab next table   r e d l b t p n sort   ↑↓ scroll',
    ])
  })

  it('on a narrow one, with fewer columns and the table in focus alone', () => {
    const state = topState(busyMorning(), '\t')
    expect(renderTop(state, { columns: 40, rows: 11 })).toEqual([
      'example.com          12:00:09Z  every 1s',
      'requests  28/s now  31/s peak',
      'answers   25 2xx/s  1.0 4xx/s  3.0 5xx/s',
      'latency   55ms p50  100ms p99',
      '',
      'USERS 3            REQ/S▾  ERR/S',
      'jenkins               15       0',
      'alice@example.com     10     3.0',
      'mallory              1.0       0',
      '(12 others)            0       0',
      'q quit   ? help   space pause   / filter',
    ])
  })

  it('where there is hardly any room', () => {
    const state = topState(busyMorning(), '')
    expect(renderTop(state, { columns: 29, rows: 5 })).toEqual(['28 req/s 3.0 err/s'])
  })

  it('filtered, sorted upside down, without block elements', () => {
    const state = topState(busyMorning(), 'ee/l\r', { unicode: false })
    expect(renderTop(state, { columns: 80, rows: 20 })).toEqual([
      'example.com  teleport 1.2.3  up 3h                           12:00:09Z  every 1s',
      'requests  28/s now  31/s peak  3 in flight  12 watch  1 exec',
      '    31/s                                                                   ._+#*',
      '                                                                       _-+%#####',
      'answers   25 2xx/s  1.0 4xx/s  3.0 5xx/s  11% errors  1.0 refused/s  0 3xx/s',
      'latency   55ms p50  100ms p99  of the last 30s, without streams',
      'bytes     1.2MB/s to clients  1.0kB/s from clients  34 connected  1 pending',
      'audit     4 events wait  350ms oldest  17 logins  9 failed',
      '',
      'CLUSTERS 0            REQ/S   ERR/S^  REF/S    LIVE   BYTES/S   STATUS     P99',
      'nothing has this in its name',
      'USERS 2               REQ/S   ERR/S^  REF/S    LIVE   BYTES/S   TOTAL',
      'mallory                 1.0       0     1.0       0        0B      49',
      'alice@example.com        10     3.0       0       9     500kB    4.1k',
      'REFUSALS 2      REF/S   TOTAL',
      'CLUSTER_DENIED    1.0      49',
      'CERT_EXPIRED        0       2',
      '',
      '',
      'filter: l (esc)   q quit   ? help   space pause   / filter   tab next table',
    ])
  })

  it('while a filter is typed and numbers stand still', () => {
    const state = topState(busyMorning(), ' /pr')
    expect(renderTop(state, { columns: 64, rows: 14 })).toEqual([
      'example.com  teleport 1.2.3         PAUSED   12:00:09Z  every 1s',
      'requests  28/s now  31/s peak  3 in flight  12 watch  1 exec',
      '    31/s                                               ▁▁▂▄▅▅▆█▇',
      'answers   25 2xx/s  1.0 4xx/s  3.0 5xx/s  11% errors',
      'latency   55ms p50  100ms p99  of the last 30s, without streams',
      '',
      'CLUSTERS 1        REQ/S▾  ERR/S   REF/S    LIVE   STATUS',
      'prod-eu              28     3.0     1.0      14   online',
      '',
      '',
      '',
      '',
      '',
      'filter: pr   enter: keep it   esc: clear it',
    ])
  })

  it('with its help', () => {
    const state = topState(busyMorning(), '?')
    expect(renderTop(state, { columns: 80, rows: 24 })).toEqual([
      'example.com  teleport 1.2.3  up 3h                           12:00:09Z  every 1s',
      '',
      'KEYS',
      '  q, ctrl-c     quit',
      '  space         pause; numbers go on being gathered',
      '  /             show only names that have this in them; esc clears it',
      '  tab           go to the next table: it gets the lines that are left over',
      '  up down       scroll it, also by page up, page down, home, end',
      '  r e d         sort by requests, errors, refused',
      '  l b t         sort by live, bytes, total',
      '  p n           sort by p99, name; the same key again turns the order round',
      '',
      'NUMBERS',
      '  REQ/S         requests that ended, a second',
      '  ERR/S         of these, answered with 5xx',
      '  REF/S         of these, refused by us: by roles, locks, limits, certificates',
      '  LIVE          requests and streams that go on',
      '  P50 P99       half, and all but a hundredth, took at most this (last 30s)',
      '  TOTAL         since the service was started',
      '',
      '',
      '',
      '',
      'any key goes back',
    ])
  })

  it('before the first numbers', () => {
    expect(renderTop(topState([]), { columns: 60, rows: 10 })).toEqual([
      'tctl top                                            every 1s',
      'requests  waiting for the first numbers',
      'answers   waiting for the first numbers',
      '',
      '',
      '',
      '',
      '',
      '',
      'q quit   ? help   space pause   / filter   tab next table',
    ])
  })

  it('with nothing in it', () => {
    const state = topState([snapshotOf(1000), snapshotOf(2000)])
    expect(renderTop(state, { columns: 60, rows: 20 }).slice(8)).toEqual([
      '',
      'CLUSTERS 0        REQ/S▾  ERR/S   REF/S    LIVE   STATUS',
      'no Kubernetes cluster is known',
      'USERS 0           REQ/S▾  ERR/S   REF/S    LIVE   BYTES/S',
      'nobody has sent a request yet',
      'REFUSALS 0    REF/S   TOTAL',
      'nobody was refused',
      '',
      '',
      '',
      '',
      'q quit   ? help   space pause   / filter   tab next table',
    ])
  })

  it('says when there are no new numbers, and why', () => {
    const state = reduceTop(topState(busyMorning()), {
      type: 'problem',
      message: 'cannot reach the auth service',
    })
    expect(renderTop(state, { columns: 80, rows: 24 }).at(-1)).toBe(
      'no new numbers, trying again: cannot reach the auth service',
    )
    expect(renderTop(state, { columns: 20, rows: 4 })).toEqual(['cannot reach the au…'])
  })

  it('shows a page of a long table, and which one', () => {
    const users = Array.from({ length: 100 }, (_, index) => userOf(`user-${index}`))
    const snapshots = [snapshotOf(1000, { users }), snapshotOf(2000, { users })]
    const lines = renderTop(topState(snapshots, 'n\tjjj'), { columns: 60, rows: 12 })
    expect(lines.slice(5, 11)).toEqual([
      'USERS 4-8/100     REQ/S   ERR/S   REF/S    LIVE   BYTES/S',
      'user-11               0       0       0       0        0B',
      'user-12               0       0       0       0        0B',
      'user-13               0       0       0       0        0B',
      'user-14               0       0       0       0        0B',
      'user-15               0       0       0       0        0B',
    ])
  })
})

describe('names from elsewhere', () => {
  const evil = 'a\u001b[2J\u001b]0;owned\u0007\u009b31m\r\n\u202eb'
  const snapshots = [1000, 2000].map((uptimeMs) =>
    snapshotOf(uptimeMs, {
      cluster_name: evil,
      version: evil,
      clusters: [{ name: evil, online: true, ...trafficOf() }],
      users: [userOf(evil)],
      refusals: { [evil]: 1 },
    }),
  )

  it.each([true, false])('cannot move the cursor (colour: %s)', (colour) => {
    const state = reduceTop(topState(snapshots, '/a\r', { colour }), {
      type: 'problem',
      message: evil,
    })
    for (const size of [
      { columns: 120, rows: 40 },
      { columns: 20, rows: 3 },
    ]) {
      const text = renderTop(state, size).join('\n')
      const withoutOurs = text.replace(/\u001b\[\d+m/g, '')
      expect(withoutOurs).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
      expect(withoutOurs).toContain('a\ufffd')
    }
  })

  it('are counted in columns, not in characters', () => {
    const wide = [1000, 2000].map((uptimeMs) =>
      snapshotOf(uptimeMs, {
        clusters: [
          { name: '東京', online: true, ...trafficOf() },
          {
            name: 'arn:aws:eks:eu-west-1:012345678901:cluster/production-of-everything',
            online: true,
            ...trafficOf(),
          },
        ],
      }),
    )
    const lines = renderTop(topState(wide, 'n'), { columns: 70, rows: 24 })
    expect(lines.slice(10, 13)).toEqual([
      'CLUSTERS 2             REQ/S   ERR/S   REF/S    LIVE   STATUS     P99',
      'arn:aws:eks:eu-west-…      0       0       0       0   online       -',
      '東京                       0       0       0       0   online       -',
    ])
  })
})

describe('any size', () => {
  it('gets as many lines as it has, none wider than it is', () => {
    const size = fc.record({
      columns: fc.integer({ min: 1, max: 200 }),
      rows: fc.integer({ min: 1, max: 60 }),
    })
    const keys = fc.string({ unit: fc.constantFrom(...'redlbtpn?/ \t\rjkGgx'), maxLength: 8 })
    fc.assert(
      fc.property(size, keys, fc.integer({ min: 0, max: 10 }), ({ columns, rows }, typed, many) => {
        const state = topState(busyMorning().slice(0, many), typed)
        const lines = renderTop(state, { columns, rows })
        expect(lines.length).toBeLessThanOrEqual(rows)
        for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
        const inColour = renderTop({ ...state, colour: true }, { columns, rows })
        expect(inColour.map((line) => line.replace(/\u001b\[\d+m/g, '').trimEnd())).toEqual(lines)
      }),
    )
  })
})
