import { type Panel, panels, rowsOf, type TopState } from './state.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** Below this there is room for one line of numbers only. */
const TINY: Size = { columns: 30, rows: 6 }
/** From here on refusals stand beside users. */
const WIDE_COLUMNS = 130
/** Fewer lines than this are left to the panel in focus. */
const MIN_STACKED_ROWS = 9
/** From here on there are empty lines between panels. */
const AIRY_ROWS = 16

/** Facts above the panels, and how many lines a screen must have for each; in the order of the screen. */
export const facts = {
  requests: 0,
  answers: 9,
  latency: 11,
  bytes: 16,
  audit: 18,
  process: 21,
} as const
export type Fact = keyof typeof facts

export interface PanelPlace {
  readonly panel: Panel
  /** Lines below its title. */
  readonly rows: number
}

/** Which lines a screen has, from top to bottom. */
export interface TopLayout {
  readonly tiny: boolean
  readonly facts: readonly Fact[]
  readonly graphRows: number
  /** Panels from top to bottom; two in one entry stand side by side. */
  readonly bands: readonly (readonly PanelPlace[])[]
  readonly airy: boolean
}

/** Decides what fits. Rows and columns that are missing take the least important things away, never the table in focus. */
export function layoutTop(state: TopState, { columns, rows }: Size): TopLayout {
  const shown = (Object.keys(facts) as Fact[]).filter((fact) => rows >= facts[fact])
  const graphRows = state.graph ? graphRowsOf(rows) : 0
  if (columns < TINY.columns || rows < TINY.rows) {
    return { tiny: true, facts: [], graphRows: 0, bands: [], airy: false }
  }
  // The title, the facts, the graph, an empty line, and the line of keys at the bottom.
  const body = rows - 1 - shown.length - graphRows - 1 - 1
  const airy = body >= AIRY_ROWS
  const needs = (panel: Panel): number =>
    Math.max(1, rowsOf(state, panel) + othersRows(state, panel))
  if (body < MIN_STACKED_ROWS) {
    const rowsLeft = Math.max(1, body - 1)
    return {
      tiny: false,
      facts: shown,
      graphRows,
      airy: false,
      bands: [[{ panel: state.focus, rows: rowsLeft }]],
    }
  }
  const groups: readonly (readonly Panel[])[] =
    columns >= WIDE_COLUMNS ? [['clusters'], ['users', 'refusals']] : panels.map((panel) => [panel])
  const available = body - groups.length - (airy ? groups.length - 1 : 0)
  const wanted = groups.map((group) => Math.max(...group.map(needs)))
  const focus = groups.findIndex((group) => group.includes(state.focus))
  const given = share(available, wanted, focus)
  return {
    tiny: false,
    facts: shown,
    graphRows,
    airy,
    bands: groups.map((group, index) => group.map((panel) => ({ panel, rows: given[index] ?? 1 }))),
  }
}

/** The rows of a panel that fit on the screen; 1 when it is not shown. */
export function pageOf(layout: TopLayout, panel: Panel): number {
  const place = layout.bands.flat().find((one) => one.panel === panel)
  return place?.rows ?? 1
}

function graphRowsOf(rows: number): number {
  if (rows >= 34) return 5
  if (rows >= 28) return 3
  if (rows >= 20) return 2
  return rows >= 13 ? 1 : 0
}

/** The line that sums up who is not named. */
export function othersRows(state: TopState, panel: Panel): number {
  if (panel !== 'users' || state.filter !== '') return 0
  const others = (state.frozen ?? state.latest).sample?.users_other
  return others !== undefined && others.requests > 0 ? 1 : 0
}

/** Gives everybody what he wants or a fair share; what is left over goes to `first`. */
function share(available: number, wanted: readonly number[], first: number): number[] {
  const given = wanted.map(() => 0)
  let left = available
  let open = wanted.map((_, index) => index)
  while (open.length > 0 && left >= open.length) {
    const part = Math.floor(left / open.length)
    const content = open.filter((index) => (wanted[index] ?? 0) <= part)
    if (content.length === 0) {
      for (const index of open) given[index] = part
      left -= part * open.length
      break
    }
    for (const index of content) {
      given[index] = wanted[index] ?? 0
      left -= given[index]
    }
    open = open.filter((index) => !content.includes(index))
  }
  const most = wanted[first] ?? 0
  const more = Math.min(left, Math.max(0, most - (given[first] ?? 0)))
  given[first] = (given[first] ?? 0) + more
  return given.map((rows) => Math.max(1, rows))
}
