import { describe, expect, it } from 'vitest'
import { snapshotOf, trafficOf, userOf } from '../../../../test/support/stats.ts'
import { parseKeys } from '../../terminal/keys.ts'
import { initialState, LATENCY_WINDOW_MS, reduceTop, type TopState, viewOf } from './state.ts'

const START = initialState({ intervalMs: 1000, colour: false, unicode: true })

/** Types keys one after the other; ten rows fit. */
const type = (state: TopState, input: string, page = 10): TopState =>
  parseKeys(input).reduce((before, key) => reduceTop(before, { type: 'key', key, page }), state)

const snapshots = (state: TopState, ...all: ReturnType<typeof snapshotOf>[]): TopState =>
  all.reduce((before, snapshot) => reduceTop(before, { type: 'snapshot', snapshot }), state)

const requests = (uptimeMs: number, count: number): ReturnType<typeof snapshotOf> =>
  snapshotOf(uptimeMs, { total: trafficOf({ requests: count }) })

describe('keys of tctl top', () => {
  it.each<[string, string, Partial<TopState>]>([
    ['q', 'q', { quit: true }],
    ['ctrl-c', '\u0003', { quit: true }],
    ['?', '?', { help: true }],
    ['h', 'h', { help: true }],
    ['any key leaves the help, and does nothing else', '?e', { help: false, sort: 'requests' }],
    ['q quits from the help', '?q', { help: true, quit: true }],
    ['e', 'e', { sort: 'errors', reversed: false }],
    ['the same again turns round', 'ee', { sort: 'errors', reversed: true }],
    ['and back', 'eee', { sort: 'errors', reversed: false }],
    ['another begins anew', 'een', { sort: 'name', reversed: false }],
    ['the one that is sorted by already turns round', 'r', { sort: 'requests', reversed: true }],
    ['tab', '\t', { focus: 'users' }],
    ['tab goes round', '\t\t\t', { focus: 'clusters' }],
    ['back tab', '\u001b[Z', { focus: 'refusals' }],
    ['letters of a filter are no commands', '/qe?', { filter: 'qe?', typing: true }],
    ['enter keeps it', '/al\r', { filter: 'al', typing: false }],
    ['escape clears it', '/al\u001b', { filter: '', typing: false }],
    ['escape clears it later, too', '/al\r\u001b', { filter: '' }],
    ['backspace', '/alx\u007f', { filter: 'al', typing: true }],
    ['ctrl-u', '/alx\u0015b', { filter: 'b', typing: true }],
    ['ctrl-c quits while typing', '/a\u0003', { quit: true, filter: 'a', typing: true }],
    ['arrows do nothing while typing', '/a\u001b[A', { filter: 'a', typing: true }],
    ['unknown keys do nothing', 'x~', {}],
  ])('%s', (_what, input, expected) => {
    expect(type(START, input)).toEqual({ ...START, ...expected })
  })

  it('a filter has an end', () => {
    expect(type(START, `/${'a'.repeat(1000)}`).filter).toHaveLength(64)
  })
})

describe('scrolling', () => {
  const users = Array.from({ length: 30 }, (_, index) => userOf(`user-${index}`))
  const state = type(snapshots(START, snapshotOf(1000, { users })), '\t')

  it.each([
    ['down', '\u001b[B', 1],
    ['down and up', 'jjk', 1],
    ['not above the first', 'k', 0],
    ['a page', '\u001b[6~', 10],
    ['to the last page, which is full', 'G', 20],
    ['not beyond it', 'Gj', 20],
    ['up at once from there', 'Gk', 19],
    ['back to the beginning', 'Gg', 0],
  ])('%s', (_what, input, at) => {
    expect(type(state, input).scroll).toEqual({ clusters: 0, users: at, refusals: 0 })
  })

  it('goes as far as what the filter leaves', () => {
    expect(type(state, '/user-1\rG').scroll.users).toBe(1)
    expect(type(state, 'G/x').scroll.users).toBe(0)
  })

  it('does nothing before the first numbers', () => {
    expect(type(START, 'jG').scroll.clusters).toBe(0)
  })
})

describe('samples', () => {
  it('make a history, of those whose rate is known', () => {
    const state = snapshots(START, requests(1000, 5), requests(2000, 7), requests(4000, 7))
    expect(state.latest.history).toEqual([
      { requests: 2, errors: 0 },
      { requests: 0, errors: 0 },
    ])
    expect(state.latest.sample?.requests).toBe(7)
  })

  it('stand still while paused, and are there afterwards', () => {
    const paused = type(snapshots(START, requests(1000, 5), requests(2000, 7)), ' ')
    const later = snapshots(paused, requests(3000, 9))
    expect(viewOf(later).sample?.requests).toBe(7)
    expect(viewOf(type(later, ' ')).history).toHaveLength(2)
  })

  it('are kept as far back as quantiles look, and not beyond a new start', () => {
    const many = Array.from({ length: 100 }, (_, index) => requests(index * 1000, index))
    const state = snapshots(START, ...many)
    expect(state.snapshots).toHaveLength(LATENCY_WINDOW_MS / 1000 + 1)
    const restarted = snapshots(state, {
      ...requests(500, 0),
      started_at: '2026-02-01T00:00:00.000Z',
    })
    expect(restarted.snapshots).toHaveLength(1)
    expect(restarted.latest.sample?.requests_per_second).toBeNull()
    expect(restarted.latest.history).toHaveLength(99)
  })

  it('end a problem', () => {
    const broken = reduceTop(START, { type: 'problem', message: 'no answer' })
    expect(broken.problem).toBe('no answer')
    expect(snapshots(broken, requests(1000, 5)).problem).toBeNull()
  })
})
