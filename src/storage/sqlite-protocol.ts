import type { Change, Item, NewItem, Revision } from './backend.ts'

/** What the main thread asks of the worker. Backend operations of one message commit together. */
export type WorkerRequest =
  | {
      readonly id: number
      readonly type: 'operations'
      readonly operations: readonly Operation[]
      readonly nowMs: number
    }
  | { readonly id: number; readonly type: 'statements'; readonly statements: readonly Statement[] }
  | { readonly id: number; readonly type: 'rows'; readonly rows: PackedRows }
  | { readonly id: number; readonly type: 'query'; readonly statement: Statement }
  | {
      readonly id: number
      readonly type: 'migrate'
      readonly component: string
      readonly steps: readonly string[]
    }
  | { readonly id: number; readonly type: 'close' }

export type Operation =
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'create'; readonly item: NewItem }
  | { readonly type: 'put'; readonly item: NewItem }
  | { readonly type: 'compareAndSwap'; readonly item: NewItem; readonly expected: Revision }
  | { readonly type: 'delete'; readonly key: string; readonly expected: Revision | null }
  | {
      readonly type: 'list'
      readonly from: string
      readonly to: string | null
      readonly after: string | null
      readonly limit: number
    }
  | { readonly type: 'sweep'; readonly nowMs: number }

export type OperationResult =
  | { readonly type: 'item'; readonly item: Item | null }
  | { readonly type: 'revision'; readonly revision: Revision }
  | {
      readonly type: 'page'
      readonly items: readonly Item[]
      readonly next: string | null
      readonly revision: Revision
    }
  | { readonly type: 'count'; readonly count: number }
  | {
      readonly type: 'refused'
      readonly code: 'ALREADY_EXISTS' | 'CONFLICT' | 'NOT_FOUND'
      readonly key: string
    }

export type SqlValue = string | number | null
export interface Statement {
  readonly sql: string
  readonly params: readonly SqlValue[]
}
/** One statement for many rows. The last parameter of each row is a long text. */
export interface RowStatement {
  readonly sql: string
  readonly rows: readonly { readonly params: readonly SqlValue[]; readonly text: Uint8Array }[]
}

/**
 * `RowStatement` on its way to the worker: few objects, since each costs both threads, and the bytes of the texts in a piece
 * that changes hands without being copied.
 */
export interface PackedRows {
  readonly sql: string
  readonly rows: number
  /** Of all rows, one after the other. */
  readonly params: readonly SqlValue[]
  /** UTF-8 of all rows' texts, and where each ends. */
  readonly texts: Uint8Array<ArrayBuffer>
  readonly ends: Uint32Array<ArrayBuffer>
}

export function packRows({ sql, rows }: RowStatement): PackedRows {
  let length = 0
  for (const { text } of rows) length += text.length
  const texts = new Uint8Array(length)
  const ends = new Uint32Array(rows.length)
  const params: SqlValue[] = []
  let end = 0
  for (const [index, row] of rows.entries()) {
    texts.set(row.text, end)
    end += row.text.length
    ends[index] = end
    for (const param of row.params) params.push(param)
  }
  return { sql, rows: rows.length, params, texts, ends }
}

/** Calls back with the parameters of each row, its text the last of them. */
export function unpackRows(
  { rows, params, texts, ends }: PackedRows,
  each: (params: SqlValue[]) => void,
): void {
  const bytes = Buffer.from(texts.buffer)
  const width = rows === 0 ? 0 : params.length / rows
  let start = 0
  for (let index = 0; index < rows; index += 1) {
    const end = ends[index] ?? start
    const row = params.slice(index * width, (index + 1) * width)
    row.push(bytes.toString('utf8', start, end))
    each(row)
    start = end
  }
}

export type Row = Readonly<Record<string, SqlValue>>

export type WorkerReply =
  | {
      readonly id: number
      readonly type: 'operations'
      readonly results: readonly OperationResult[]
      readonly changes: readonly Change[]
    }
  | { readonly id: number; readonly type: 'rows'; readonly rows: readonly Row[] }
  | { readonly id: number; readonly type: 'done' }
  | {
      readonly id: number
      readonly type: 'failed'
      readonly code: string
      readonly message: string
    }
  /** Sent once, when the database is open. */
  | { readonly id: 0; readonly type: 'ready'; readonly revision: Revision }

export interface WorkerSettings {
  readonly path: string
}
