import { printable } from '../../format.ts'
import { fitLine, type Line, type Span, type Style, span } from '../../terminal/line.ts'
import { displayWidth, truncate } from '../../terminal/width.ts'
import type { PanelPlace } from './layout.ts'
import { bytesText, countText, latencyText, rateText } from './numbers.ts'
import type { ClusterSample, TopSample, TrafficSample, UserSample } from './sample.ts'
import { matches, type Panel, type SortKey, type TopState, viewOf } from './state.ts'

/** A name column that is narrower tells nobody apart. */
const MIN_NAME = 12
const MAX_NAME = 48
/** For a longer name no column is given up. */
const ENOUGH_NAME = 20
/** `USERS 97-100/100` */
const TITLE = 16
/** Below this, columns are worth more than the look of the names. */
const NARROW = 70
const GAP = 2

interface Column<Row> {
  readonly title: string
  readonly width: number
  /** What a key press sorts by; absent: not by this. */
  readonly sort?: SortKey
  readonly cell: (row: Row) => Span
  readonly value?: (row: Row) => number | null
}

const rate = (value: number | null, loud: Style = 'plain'): Span =>
  span(rateText(value), value === null || value === 0 ? 'dim' : loud)

/** The columns of everything that has traffic, least important last. */
const TRAFFIC: readonly Column<TrafficSample>[] = [
  {
    title: 'REQ/S',
    width: 6,
    sort: 'requests',
    cell: (row) => rate(row.requests_per_second),
    value: (row) => row.requests_per_second,
  },
  {
    title: 'ERR/S',
    width: 6,
    sort: 'errors',
    cell: (row) => rate(row.errors_per_second, 'bad'),
    value: (row) => row.errors_per_second,
  },
  {
    title: 'REF/S',
    width: 6,
    sort: 'refused',
    cell: (row) => rate(row.refused_per_second, 'warn'),
    value: (row) => row.refused_per_second,
  },
  {
    title: 'LIVE',
    width: 6,
    sort: 'live',
    cell: (row) => span(countText(row.live), row.live === 0 ? 'dim' : 'accent'),
    value: (row) => row.live,
  },
  {
    title: 'BYTES/S',
    width: 8,
    sort: 'bytes',
    cell: (row) =>
      span(bytesText(row.bytes_per_second), row.bytes_per_second === 0 ? 'dim' : 'plain'),
    value: (row) => row.bytes_per_second,
  },
  {
    title: 'TOTAL',
    width: 6,
    sort: 'total',
    cell: (row) => span(countText(row.requests), row.requests === 0 ? 'dim' : 'plain'),
    value: (row) => row.requests,
  },
]

const latency = (value: number | null): Span =>
  span(latencyText(value), value === null ? 'dim' : 'plain')

const CLUSTERS: readonly Column<ClusterSample>[] = [
  ...TRAFFIC,
  {
    title: 'STATUS',
    width: 7,
    cell: ({ online }) => (online ? span('online', 'good') : span('OFFLINE', 'bad')),
  },
  {
    title: 'P99',
    width: 6,
    sort: 'p99',
    cell: (row) => latency(row.p99_ms),
    value: (row) => row.p99_ms,
  },
  { title: 'P50', width: 6, cell: (row) => latency(row.p50_ms) },
]

/** What is given up first when a terminal is narrow. */
const GIVE_UP: readonly string[] = [
  'P50',
  'TOTAL',
  'BYTES/S',
  'P99',
  'REF/S',
  'STATUS',
  'LIVE',
  'ERR/S',
]

/** A panel as lines of exactly `columns`: its title with the columns' names, and `place.rows` more. */
export function panelLines(state: TopState, place: PanelPlace, columns: number): readonly Line[] {
  const { sample } = viewOf(state)
  const lines = sample === null ? [] : contentOf(state, sample, place, columns)
  const filled = [...lines, ...Array.from({ length: place.rows + 1 }, (): Line => [])]
  return filled.slice(0, place.rows + 1).map((line) => fitLine(line, columns))
}

function contentOf(
  state: TopState,
  sample: TopSample,
  { panel, rows }: PanelPlace,
  columns: number,
): readonly Line[] {
  const common = { state, panel, rows, columns, nameWidth: nameWidthOf(state, sample, columns) }
  switch (panel) {
    case 'clusters':
      return table<ClusterSample>({
        ...common,
        all: sample.clusters,
        columnsOf: CLUSTERS,
        nobody: 'no Kubernetes cluster is known',
      })
    case 'users': {
      const { users, users_other: others } = sample
      const sum = others.requests > 0 && state.filter === ''
      return table<UserSample>({
        ...common,
        all: users,
        columnsOf: TRAFFIC,
        nobody: 'nobody has sent a request yet',
        ...(sum ? { last: { ...others, name: `(${countText(others.users)} others)` } } : {}),
      })
    }
    case 'refusals':
      return refusalLines(state, sample, rows, columns)
  }
}

/** One width for all tables, so that their numbers stand below each other. */
function nameWidthOf(state: TopState, { clusters, users }: TopSample, columns: number): number {
  const longest = [...clusters, ...users]
    .filter(({ name }) => matches(state.filter, name))
    .reduce((width, { name }) => Math.max(width, displayWidth(printable(name))), 0)
  const least = columns < NARROW ? TITLE : ENOUGH_NAME
  return Math.max(least, Math.min(longest, MAX_NAME, Math.floor(columns / 2)))
}

interface TableOptions<Row extends TrafficSample & { readonly name: string }> {
  readonly state: TopState
  readonly panel: Panel
  readonly all: readonly Row[]
  readonly columnsOf: readonly Column<Row>[]
  readonly rows: number
  readonly columns: number
  readonly nameWidth: number
  /** Stands where there are no rows. */
  readonly nobody: string
  /** Follows below the last row. */
  readonly last?: Row
}

function table<Row extends TrafficSample & { readonly name: string }>(
  options: TableOptions<Row>,
): readonly Line[] {
  const { state, panel, all, rows, columns, nobody, last } = options
  const shown = sorted(
    all.filter(({ name }) => matches(state.filter, name)),
    options.columnsOf,
    state,
  )
  const { fitting, nameWidth } = fitColumns(options.columnsOf, options.nameWidth, columns)
  const places = last === undefined ? rows : rows - 1
  const from = Math.min(state.scroll[panel], Math.max(0, shown.length - places))
  const page = shown.slice(from, from + places)
  const line = (row: Row, style: Style): Line => [
    nameSpan(row.name, nameWidth, style),
    ...fitting.flatMap((column) => right(column.cell(row), column.width)),
  ]
  const body = page.map((row) => line(row, 'plain'))
  if (shown.length === 0) {
    body.push([span(state.filter === '' ? nobody : 'nothing has this in its name', 'dim')])
  }
  if (last !== undefined) body.push(line(last, 'dim'))
  const title = titleOf(panel, from, page.length, shown.length)
  return [
    [
      nameSpan(title, nameWidth, state.focus === panel ? 'inverse' : 'bold'),
      ...fitting.flatMap((column) => headOf(column, state)),
    ],
    ...body,
  ]
}

/** `CLUSTERS 3`, or which of them when not all fit. */
function titleOf(panel: string, from: number, shown: number, all: number): string {
  const which = shown < all ? `${from + 1}-${from + shown}/${all}` : String(all)
  return `${panel.toUpperCase()} ${which}`
}

function headOf<Row>({ title, sort, width }: Column<Row>, state: TopState): Span[] {
  if (sort !== state.sort) return right(span(title, 'dim'), width)
  const mark = state.unicode ? (state.reversed ? '▴' : '▾') : state.reversed ? '^' : 'v'
  return right(span(title, 'bold'), width, mark)
}

const nameSpan = (text: string, width: number, style: Style): Span => {
  const cut = truncate(printable(text), width)
  return span(cut + ' '.repeat(Math.max(0, width - displayWidth(cut))), style)
}

/** A cell, right-aligned, with a gap around it; what marks the sorted column stands in the one behind. */
function right({ text, style }: Span, width: number, mark = ' '): Span[] {
  return [span(' '.repeat(Math.max(1, 1 + width - displayWidth(text)))), span(text + mark, style)]
}

function fitColumns<Row>(
  all: readonly Column<Row>[],
  wantedName: number,
  columns: number,
): { readonly fitting: readonly Column<Row>[]; readonly nameWidth: number } {
  const widthOf = (some: readonly Column<Row>[]): number =>
    some.reduce((sum, { width }) => sum + GAP + width, 0)
  const room = columns
  let fitting = all
  for (const title of GIVE_UP) {
    if (Math.min(wantedName, ENOUGH_NAME) + widthOf(fitting) <= room) break
    fitting = fitting.filter((column) => column.title !== title)
  }
  const nameWidth = Math.max(MIN_NAME, Math.min(wantedName, room - widthOf(fitting)))
  return { fitting, nameWidth }
}

function sorted<Row extends TrafficSample & { readonly name: string }>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { sort, reversed }: TopState,
): readonly Row[] {
  const byName = (a: Row, b: Row): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const direction = reversed ? -1 : 1
  if (sort === 'name') return [...rows].sort((a, b) => direction * byName(a, b))
  const column =
    columns.find((one) => one.sort === sort) ?? columns.find((one) => one.sort === 'requests')
  const value = (row: Row): number => column?.value?.(row) ?? Number.NEGATIVE_INFINITY
  const compare = (a: Row, b: Row): number => {
    const [one, other] = [value(a), value(b)]
    return one === other ? 0 : one > other ? -1 : 1
  }
  // What is equal now was not always: then the total, then the name, so that rows do not jump about.
  return [...rows].sort(
    (a, b) => direction * compare(a, b) || b.requests - a.requests || byName(a, b),
  )
}

function refusalLines(
  state: TopState,
  { refusals }: TopSample,
  rows: number,
  columns: number,
): readonly Line[] {
  const widths = { rate: 6, count: 6 } as const
  const longest = refusals.reduce((width, { code }) => Math.max(width, code.length), MIN_NAME)
  const room = columns - 2 * GAP - widths.rate - widths.count
  const nameWidth = Math.max(MIN_NAME, Math.min(longest, room))
  const from = Math.min(state.scroll.refusals, Math.max(0, refusals.length - rows))
  const page = refusals.slice(from, from + rows)
  const title = titleOf('refusals', from, page.length, refusals.length)
  return [
    [
      nameSpan(title, nameWidth, state.focus === 'refusals' ? 'inverse' : 'bold'),
      ...right(span('REF/S', 'dim'), widths.rate),
      ...right(span('TOTAL', 'dim'), widths.count),
    ],
    ...(refusals.length === 0
      ? [[span('nobody was refused', 'dim')]]
      : page.map(({ code, per_second, count }) => [
          nameSpan(code, nameWidth, 'plain'),
          ...right(rate(per_second, 'warn'), widths.rate),
          ...right(span(countText(count)), widths.count),
        ])),
  ]
}
