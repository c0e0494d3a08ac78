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
