import type { SessionFacts } from '../../recording/index.ts'
import { RecordingError } from '../errors.ts'
import { SharedNames } from './shared-names.ts'
import type { OldestQuery, RecordingQuery } from './types.ts'

/** What a search looks at, of one recording. A hundred thousand of them lie in memory. */
export type Row = Pick<
  SessionFacts,
  'sessionId' | 'startedMs' | 'user' | 'kubeCluster' | 'namespace' | 'pod' | 'kind'
>

/** Recordings in the order of their beginning. */
export class Rows {
  readonly #rows: Row[]
  readonly #byId: Map<string, Row>
  readonly #names = new SharedNames()

  constructor(rows: readonly Row[]) {
    this.#rows = rows.map((row) => this.#shared(row)).sort(byTime)
    this.#byId = new Map(this.#rows.map((row) => [row.sessionId, row]))
  }

  get(id: string): Row | null {
    return this.#byId.get(id) ?? null
  }

  add(facts: Row): void {
    const row = this.#shared(facts)
    this.#byId.set(row.sessionId, row)
    this.#rows.splice(this.#placeOf(row), 0, row)
  }

  remove(id: string): void {
    const row = this.#byId.get(id)
    if (row === undefined) return
    this.#byId.delete(id)
    this.#rows.splice(this.#placeOf(row), 1)
    for (const name of [row.user, row.kubeCluster, row.namespace, row.pod]) this.#names.drop(name)
  }

  /** The newest first, from where a page ended. Throws RecordingError RECORDING_CURSOR. */
  *matching(query: RecordingQuery): Generator<Row, void, undefined> {
    let at = query.after === undefined ? this.#rows.length : this.#placeOf(parseCursor(query.after))
    if (query.toMs !== undefined) {
      at = Math.min(at, this.#placeOf({ startedMs: query.toMs, sessionId: '' }))
    }
    while (at > 0) {
      at -= 1
      const row = this.#rows[at]
      if (row === undefined || row.startedMs < (query.fromMs ?? 0)) return
      if (!matches(row, query)) continue
      yield row
      // Others may have come or gone by now, and it, too.
      at = this.#placeOf(row)
    }
  }

  /** Those that began before a time, the oldest first, from where a page ended. Throws RecordingError RECORDING_CURSOR. */
  oldest({ beforeMs, limit, after }: OldestQuery): readonly Row[] {
    const last = after === undefined ? null : parseCursor(after)
    let from = last === null ? 0 : this.#placeOf(last)
    const row = this.#rows[from]
    if (last !== null && row !== undefined && byTime(row, last) === 0) from += 1
    const to = this.#placeOf({ startedMs: beforeMs, sessionId: '' })
    return this.#rows.slice(from, Math.min(to, from + limit))
  }

  /** Whether one began in this time. */
  hasBetween(fromMs: number, toMs: number): boolean {
    const row = this.#rows[this.#placeOf({ startedMs: fromMs, sessionId: '' })]
    return row !== undefined && row.startedMs < toMs
  }

  /** The first place whose row is not before this one. */
  #placeOf(row: Pick<Row, 'startedMs' | 'sessionId'>): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#rows[middle]
      if (other !== undefined && byTime(other, row) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #shared(row: Row): Row {
    return {
      sessionId: row.sessionId,
      startedMs: row.startedMs,
      user: this.#names.take(row.user),
      kubeCluster: this.#names.take(row.kubeCluster),
      namespace: this.#names.take(row.namespace),
      pod: this.#names.take(row.pod),
      kind: row.kind,
    }
  }
}

export const cursorAfter = ({ startedMs, sessionId }: Row): string => `${startedMs}_${sessionId}`

function parseCursor(text: string): Pick<Row, 'startedMs' | 'sessionId'> {
  const [, ms, sessionId] = /^(\d{1,16})_([0-9a-f-]{36})$/.exec(text) ?? []
  if (sessionId === undefined) {
    throw new RecordingError('RECORDING_CURSOR', 'it is not what a page gave as "next"')
  }
  return { startedMs: Number(ms), sessionId }
}

function byTime(
  a: Pick<Row, 'startedMs' | 'sessionId'>,
  b: Pick<Row, 'startedMs' | 'sessionId'>,
): number {
  if (a.startedMs !== b.startedMs) return a.startedMs - b.startedMs
  return a.sessionId < b.sessionId ? -1 : a.sessionId > b.sessionId ? 1 : 0
}

const matches = (row: Row, query: RecordingQuery): boolean =>
  (['user', 'kubeCluster', 'namespace', 'pod', 'kind'] as const).every(
    (name) => query[name] === undefined || query[name] === row[name],
  )

export const encodeRow = (row: Row): string =>
  `${JSON.stringify([row.sessionId, row.startedMs, row.user, row.kubeCluster, row.namespace, row.pod, row.kind])}\n`

/** Null for a line that is none. */
export function parseRow(line: string): Row | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (!Array.isArray(value)) return null
  const [sessionId, startedMs, ...texts] = value as unknown[]
  const [user, kubeCluster, namespace, pod, kind] = texts
  const isWhole =
    typeof sessionId === 'string' &&
    Number.isSafeInteger(startedMs) &&
    texts.length === 5 &&
    texts.every((text) => typeof text === 'string') &&
    (kind === 'exec' || kind === 'attach')
  return isWhole ? ({ sessionId, startedMs, user, kubeCluster, namespace, pod, kind } as Row) : null
}
