import { printable } from '../../format.ts'
import {
  fitItems,
  fitLine,
  type Line,
  lineWidth,
  paint,
  type Span,
  type Style,
  span,
} from '../../terminal/line.ts'
import { bars } from '../../terminal/spark.ts'
import { type Fact, layoutTop, type PanelPlace, type Size, type TopLayout } from './layout.ts'
import { bytesText, countText, latencyText, rateText, shareText, uptimeText } from './numbers.ts'
import { streamSum, type TopSample } from './sample.ts'
import { type GraphPoint, LATENCY_WINDOW_MS, type TopState, viewOf } from './state.ts'
import { panelLines } from './tables.ts'

const LABEL = 10

/**
 * The screen as lines from top to bottom: never more than the rows, and none wider than the columns. Text that came from
 * elsewhere is shown without control characters, so nobody’s name moves the cursor.
 */
export function renderTop(state: TopState, size: Size): string[] {
  const lines = linesOf(state, size).slice(0, size.rows)
  return lines.map((line) => paint(fitLine(line, size.columns), state.colour))
}

function linesOf(state: TopState, size: Size): readonly Line[] {
  const layout = layoutTop(state, size)
  const { sample } = viewOf(state)
  if (layout.tiny) return [tinyLine(state, sample)]
  const title = titleLine(state, sample, size.columns)
  const head = state.help ? [] : headLines(state, size, layout)
  const bodyRows = size.rows - head.length - 3
  const body = state.help ? helpLines(state) : bandLines(state, size, layout)
  const filled = [...body, ...Array.from({ length: bodyRows }, (): Line => [])].slice(0, bodyRows)
  return [title, ...head, [], ...filled, footLine(state, size.columns)]
}

function headLines(
  state: TopState,
  { columns }: Size,
  { facts, graphRows }: TopLayout,
): readonly Line[] {
  const { sample, history } = viewOf(state)
  return facts.flatMap((fact): readonly Line[] => {
    const line = factLine(fact, sample, history, columns)
    return fact === 'requests' ? [line, ...graphLines(history, state, graphRows, columns)] : [line]
  })
}

function bandLines(
  state: TopState,
  { columns }: Size,
  { bands, airy }: TopLayout,
): readonly Line[] {
  return bands.flatMap((band, index): readonly Line[] => {
    const lines = band.length === 1 ? single(state, band, columns) : beside(state, band, columns)
    return index > 0 && airy ? [[], ...lines] : lines
  })
}

type Band = readonly PanelPlace[]

const single = (state: TopState, band: Band, columns: number): readonly Line[] =>
  band.flatMap((place) => panelLines(state, place, columns))

/** The last panel of a band gets a third of the width. */
function beside(state: TopState, band: Band, columns: number): readonly Line[] {
  const rightWidth = Math.floor(columns / 3)
  const leftWidth = columns - rightWidth - 4
  const [left, right] = band
  if (left === undefined || right === undefined) return []
  const others = panelLines(state, right, rightWidth)
  return panelLines(state, left, leftWidth).map((line, index) => [
    ...line,
    span('    '),
    ...(others[index] ?? []),
  ])
}

function tinyLine(state: TopState, sample: TopSample | null): Line {
  if (state.problem !== null) return [span(printable(state.problem), 'bad')]
  return [
    span(`${rateText(sample?.requests_per_second ?? null)} req/s`, 'bold'),
    span(` ${rateText(sample?.status_per_second['5xx'] ?? null)} err/s`),
  ]
}

function titleLine(state: TopState, sample: TopSample | null, columns: number): Line {
  const left: Line[] = [
    [span(sample === null ? 'tctl top' : printable(sample.cluster_name), 'bold')],
    ...(sample === null
      ? []
      : [
          [span(`teleport ${printable(sample.version)}`, 'dim')],
          [span(`up ${uptimeText(sample.uptime_ms)}`, 'dim')],
        ]),
  ]
  const right: Line[] = [
    ...(state.frozen === null ? [] : [[span(' PAUSED ', 'inverse')]]),
    ...(sample === null ? [] : [[span(`${sample.time.slice(11, 19)}Z`)]]),
    [span(`every ${state.intervalMs / 1000}s`, 'dim')],
  ]
  const end = fitItems(right, columns)
  const begin = fitItems(left, columns - lineWidth(end) - 2)
  const gap = columns - lineWidth(begin) - lineWidth(end)
  return [...begin, span(' '.repeat(Math.max(0, gap))), ...end]
}

/** A number with what it is: quiet while it is nothing, loud when it is bad. */
function item(text: string, what: string, style: Style = 'plain'): Line {
  const quiet = /^(?:0|0B|-)(?:\/s)?$/.test(text)
  return [span(text, quiet ? 'dim' : style), span(` ${what}`, 'dim')]
}

function factLine(
  fact: Fact,
  sample: TopSample | null,
  history: readonly GraphPoint[],
  columns: number,
): Line {
  const label: Span = span(fact.padEnd(LABEL), 'dim')
  if (sample === null) return [label, span('waiting for the first numbers', 'dim')]
  return [label, ...fitItems(factItems(fact, sample, history), columns - LABEL)]
}

function factItems(fact: Fact, sample: TopSample, history: readonly GraphPoint[]): readonly Line[] {
  const { status_per_second: status, audit_spool: spool, logins, gateway } = sample
  switch (fact) {
    case 'requests':
      return [
        item(`${rateText(sample.requests_per_second)}/s`, 'now', 'bold'),
        item(`${rateText(peakOf(history))}/s`, 'peak'),
        item(countText(sample.in_flight), 'in flight'),
        ...streamItems(sample),
        item(countText(sample.requests), 'since the start'),
      ]
    case 'answers':
      return [
        item(rateText(status['2xx']), '2xx/s', 'good'),
        item(rateText(status['4xx']), '4xx/s', 'warn'),
        item(rateText(status['5xx']), '5xx/s', 'bad'),
        item(shareText(sample.error_share), 'errors', sample.error_share === 0 ? 'plain' : 'bad'),
        item(rateText(sample.refused_per_second), 'refused/s', 'warn'),
        item(rateText(status['3xx']), '3xx/s'),
        item(rateText(status.aborted), 'left/s'),
        item(rateText(status['1xx']), 'upgrades/s'),
      ]
    case 'latency':
      return [
        item(latencyText(sample.p50_ms), 'p50', 'bold'),
        item(latencyText(sample.p99_ms), 'p99', 'bold'),
        [span(`of the last ${LATENCY_WINDOW_MS / 1000}s, without streams`, 'dim')],
      ]
    case 'bytes':
      return [
        item(`${bytesText(sample.sent_per_second)}/s`, 'to clients'),
        item(`${bytesText(sample.received_per_second)}/s`, 'from clients'),
        item(countText(gateway.connections), 'connected'),
        item(countText(gateway.pending_hellos), 'pending'),
      ]
    case 'audit':
      return [
        item(
          countText(spool.pending_events),
          'events wait',
          spool.pending_events > 1000 ? 'warn' : 'plain',
        ),
        item(
          latencyText(spool.oldest_pending_ms),
          'oldest',
          spool.oldest_pending_ms > 10_000 ? 'bad' : 'plain',
        ),
        ...(spool.refused_events > 0 ? [item(countText(spool.refused_events), 'lost', 'bad')] : []),
        item(countText(logins.ok), 'logins'),
        item(countText(logins.failed), 'failed', 'warn'),
      ]
    case 'process':
      return [
        item(shareText(sample.cpu_share), 'of a core'),
        item(bytesText(sample.rss_bytes), 'memory'),
        item(
          latencyText(sample.event_loop_p99_ms),
          'event loop p99',
          sample.event_loop_p99_ms > 100 ? 'bad' : 'plain',
        ),
      ]
  }
}

/** What goes on, by kind; what there is none of is left out. */
function streamItems({ streams }: TopSample): readonly Line[] {
  if (streamSum(streams) === 0) return [item('0', 'streams')]
  return Object.entries(streams)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => item(countText(count), kind, 'accent'))
}

const peakOf = (history: readonly GraphPoint[]): number | null =>
  history.length === 0 ? null : Math.max(...history.map(({ requests }) => requests))

/** Requests a second over time; where there were errors, the column is as loud as they are. */
function graphLines(
  history: readonly GraphPoint[],
  state: TopState,
  rows: number,
  columns: number,
): readonly Line[] {
  if (rows === 0) return []
  const width = Math.max(1, columns - LABEL)
  const shown = history.slice(-width)
  const max = Math.max(0, ...shown.map(({ requests }) => requests))
  const drawn = bars(
    shown.map(({ requests }) => requests),
    { columns: width, rows, max, unicode: state.unicode },
  )
  const offset = width - shown.length
  return drawn.map((text, row) => {
    const label = row === 0 && max > 0 ? `${rateText(max)}/s` : ''
    return [
      span(label.padStart(LABEL - 2).padEnd(LABEL), 'dim'),
      ...runs([...text], (column) => {
        const point = shown[column - offset]
        return point !== undefined && point.errors > 0 ? 'bad' : 'accent'
      }),
    ]
  })
}

/** Neighbours of one style as one piece. */
function runs(cells: readonly string[], styleOf: (index: number) => Style): Span[] {
  const spans: Span[] = []
  for (const [index, text] of cells.entries()) {
    const style = styleOf(index)
    const last = spans.at(-1)
    if (last?.style === style) spans[spans.length - 1] = span(last.text + text, style)
    else spans.push(span(text, style))
  }
  return spans
}

function footLine(state: TopState, columns: number): Line {
  if (state.help) return [span('any key goes back', 'dim')]
  if (state.typing) {
    return [
      span('filter: ', 'bold'),
      span(printable(state.filter)),
      span(' ', 'inverse'),
      span('  enter: keep it   esc: clear it', 'dim'),
    ]
  }
  if (state.problem !== null) {
    return [span(`no new numbers, trying again: ${printable(state.problem)}`, 'bad')]
  }
  const key = (name: string, what: string): Line => [span(name, 'bold'), span(` ${what}`, 'dim')]
  return fitItems(
    [
      ...(state.filter === ''
        ? []
        : [[span(`filter: ${printable(state.filter)}`, 'accent'), span(' (esc)', 'dim')]]),
      key('q', 'quit'),
      key('?', 'help'),
      key('space', state.frozen === null ? 'pause' : 'go on'),
      key('/', 'filter'),
      key('tab', 'next table'),
      key('r e d l b t p n', 'sort'),
      key('↑↓', 'scroll'),
    ].map((line) => (state.unicode ? line : line.map(ascii))),
    columns,
    3,
  )
}

const ascii = ({ text, style }: Span): Span => span(text.replace('↑↓', 'up/down'), style)

function helpLines(state: TopState): readonly Line[] {
  const row = (keys: string, says: string): Line => [
    span(`  ${keys.padEnd(14)}`, 'bold'),
    span(says),
  ]
  const lines: readonly Line[] = [
    [span('KEYS', 'bold')],
    row('q, ctrl-c', 'quit'),
    row('space', 'pause; numbers go on being gathered'),
    row('/', 'show only names that have this in them; esc clears it'),
    row('tab', 'go to the next table: it gets the lines that are left over'),
    row('up down', 'scroll it, also by page up, page down, home, end'),
    row('r e d', 'sort by requests, errors, refused'),
    row('l b t', 'sort by live, bytes, total'),
    row('p n', 'sort by p99, name; the same key again turns the order round'),
    [],
    [span('NUMBERS', 'bold')],
    row('REQ/S', 'requests that ended, a second'),
    row('ERR/S', 'of these, answered with 5xx'),
    row('REF/S', 'of these, refused by us: by roles, locks, limits, certificates'),
    row('LIVE', 'requests and streams that go on'),
    row(
      'P50 P99',
      `half, and all but a hundredth, took at most this (last ${LATENCY_WINDOW_MS / 1000}s)`,
    ),
    row('TOTAL', 'since the service was started'),
  ]
  return state.unicode ? lines : lines.map((line) => line.map(ascii))
}
