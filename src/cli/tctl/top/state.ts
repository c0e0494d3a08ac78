import type { StatsSnapshot } from '../../../contract/index.ts'
import type { Key } from '../../terminal/keys.ts'
import { sampleOf, type TopSample } from './sample.ts'

/** Samples that the graph may show; a terminal is seldom wider. */
const MAX_HISTORY = 600
/** Quantiles are over this time: one interval may have no request at all. */
export const LATENCY_WINDOW_MS = 30_000
/** A filter is a part of a name. */
const MAX_FILTER_CHARS = 64

export const sortKeys = [
  'name',
  'requests',
  'errors',
  'refused',
  'live',
  'bytes',
  'p99',
  'total',
] as const
export type SortKey = (typeof sortKeys)[number]

export const panels = ['clusters', 'users', 'refusals'] as const
export type Panel = (typeof panels)[number]

/** One column of the graph. */
export interface GraphPoint {
  readonly requests: number
  readonly errors: number
}

/** What is shown: the last sample and the history up to it. Pausing keeps it while samples go on coming in. */
export interface TopView {
  readonly sample: TopSample | null
  readonly history: readonly GraphPoint[]
}

/** Everything that the screen depends on, but its size. */
export interface TopState {
  readonly latest: TopView
  /** Set while paused. */
  readonly frozen: TopView | null
  /** Newest last; as far back as quantiles look. */
  readonly snapshots: readonly StatsSnapshot[]
  readonly sort: SortKey
  readonly reversed: boolean
  readonly focus: Panel
  readonly scroll: Readonly<Record<Panel, number>>
  readonly filter: string
  /** The filter is being typed. */
  readonly typing: boolean
  readonly help: boolean
  /** Why there is no newer sample; null while all is well. */
  readonly problem: string | null
  readonly intervalMs: number
  readonly colour: boolean
  readonly unicode: boolean
  /** Whether there is a history to draw. */
  readonly graph: boolean
  readonly quit: boolean
}

export type TopEvent =
  | { readonly type: 'snapshot'; readonly snapshot: StatsSnapshot }
  | { readonly type: 'problem'; readonly message: string }
  /** `page`: the rows of the panel in focus that fit on the screen. */
  | { readonly type: 'key'; readonly key: Key; readonly page: number }

export function initialState(options: {
  readonly intervalMs: number
  readonly colour: boolean
  readonly unicode: boolean
  readonly graph?: boolean
}): TopState {
  return {
    latest: { sample: null, history: [] },
    frozen: null,
    snapshots: [],
    sort: 'requests',
    reversed: false,
    focus: 'clusters',
    scroll: { clusters: 0, users: 0, refusals: 0 },
    filter: '',
    typing: false,
    help: false,
    problem: null,
    quit: false,
    graph: true,
    ...options,
  }
}

export const viewOf = (state: TopState): TopView => state.frozen ?? state.latest

/** The state after an event. Pure: the loop around it only draws and waits. */
export function reduceTop(state: TopState, event: TopEvent): TopState {
  switch (event.type) {
    case 'snapshot':
      return withSnapshot(state, event.snapshot)
    case 'problem':
      return { ...state, problem: event.message }
    case 'key':
      return state.typing ? typed(state, event.key) : pressed(state, event.key, event.page)
  }
}

function withSnapshot(state: TopState, snapshot: StatsSnapshot): TopState {
  const previous = state.snapshots.at(-1) ?? null
  const kept = state.snapshots.filter(
    ({ started_at, uptime_ms }) =>
      started_at === snapshot.started_at &&
      uptime_ms < snapshot.uptime_ms &&
      snapshot.uptime_ms - uptime_ms <= LATENCY_WINDOW_MS,
  )
  const sample = sampleOf(snapshot, previous, kept[0] ?? previous)
  const { requests_per_second: requests, status_per_second: status } = sample
  const point = requests === null ? [] : [{ requests, errors: status['5xx'] ?? 0 }]
  return {
    ...state,
    problem: null,
    snapshots: [...kept, snapshot],
    latest: { sample, history: [...state.latest.history, ...point].slice(-MAX_HISTORY) },
  }
}

function typed(state: TopState, key: Key): TopState {
  const { filter } = state
  if (key.type === 'char') {
    const chars = [...filter, key.char].slice(0, MAX_FILTER_CHARS)
    return { ...state, filter: chars.join(''), scroll: TOP }
  }
  switch (key.name) {
    case 'enter':
      return { ...state, typing: false }
    case 'escape':
      return { ...state, typing: false, filter: '', scroll: TOP }
    case 'backspace':
      return { ...state, filter: [...filter].slice(0, -1).join(''), scroll: TOP }
    case 'ctrl-u':
      return { ...state, filter: '', scroll: TOP }
    case 'ctrl-c':
      return { ...state, quit: true }
    default:
      return state
  }
}

const TOP = { clusters: 0, users: 0, refusals: 0 } as const

/** The letters of the help overlay. */
export const SORT_LETTERS: Readonly<Record<string, SortKey>> = {
  n: 'name',
  r: 'requests',
  e: 'errors',
  d: 'refused',
  l: 'live',
  b: 'bytes',
  p: 'p99',
  t: 'total',
}

function pressed(state: TopState, key: Key, page: number): TopState {
  const name = key.type === 'char' ? key.char : key.name
  if (name === 'q' || name === 'ctrl-c') return { ...state, quit: true }
  if (state.help) return { ...state, help: false }
  const sort = SORT_LETTERS[name]
  if (key.type === 'char' && sort !== undefined) {
    const reversed = state.sort === sort && !state.reversed
    return { ...state, sort, reversed, scroll: TOP }
  }
  switch (name) {
    case '?':
    case 'h':
      return { ...state, help: true }
    case ' ':
      return { ...state, frozen: state.frozen === null ? state.latest : null }
    case '/':
      return { ...state, typing: true }
    case 'escape':
      return { ...state, filter: '', scroll: TOP }
    case 'tab':
      return { ...state, focus: neighbour(state.focus, 1) }
    case 'backtab':
      return { ...state, focus: neighbour(state.focus, -1) }
    case 'up':
    case 'k':
      return scrolled(state, -1, page)
    case 'down':
    case 'j':
      return scrolled(state, 1, page)
    case 'pageup':
      return scrolled(state, -page, page)
    case 'pagedown':
      return scrolled(state, page, page)
    case 'home':
    case 'g':
      return scrolled(state, Number.NEGATIVE_INFINITY, page)
    case 'end':
    case 'G':
      return scrolled(state, Number.POSITIVE_INFINITY, page)
    default:
      return state
  }
}

const neighbour = (panel: Panel, step: number): Panel =>
  panels[(panels.indexOf(panel) + step + panels.length) % panels.length] ?? panel

/** Never beyond the last page, which is full. */
function scrolled(state: TopState, step: number, page: number): TopState {
  const last = Math.max(0, rowsOf(state, state.focus) - Math.max(1, page))
  const at = Math.min(last, Math.max(0, state.scroll[state.focus] + step))
  return { ...state, scroll: { ...state.scroll, [state.focus]: at } }
}

/** How many rows a panel has, filtered. */
export function rowsOf(state: TopState, panel: Panel): number {
  const { sample } = viewOf(state)
  if (sample === null) return 0
  if (panel === 'refusals') return sample.refusals.length
  return sample[panel].filter(({ name }) => matches(state.filter, name)).length
}

/** Whether a name has the filter in it; case does not matter. */
export const matches = (filter: string, name: string): boolean =>
  name.toLowerCase().includes(filter.toLowerCase())
