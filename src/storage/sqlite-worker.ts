/**
 * The one thread that touches SQLite. It answers messages in order; everything that it does is synchronous, which is why
 * it is not done on the thread that serves people.
 */
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { Change, Item, NewItem, Revision } from './backend.ts'
import {
  type Operation,
  type OperationResult,
  type PackedRows,
  type Row,
  type Statement,
  unpackRows,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSettings,
} from './sqlite-protocol.ts'

const STORAGE_STEPS = [
  `CREATE TABLE items (
     key TEXT PRIMARY KEY COLLATE BINARY,
     value TEXT NOT NULL,
     revision INTEGER NOT NULL,
     expires_at_ms INTEGER
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX items_by_expiry ON items (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
   CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL) STRICT;
   INSERT INTO revision VALUES (1, 0);`,
] as const

class Failure extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

function open({ path }: WorkerSettings): DatabaseSync {
  // The file is private from its first byte; SQLite gives the same mode to its -wal and -shm.
  if (path !== ':memory:') {
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
  }
  const database = new DatabaseSync(path)
  // Of a new file. Rows of the audit log have a kilobyte: fewer of them straddle pages than with 4 KiB.
  database.exec(`PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 5000;
    PRAGMA cache_size = -65536;`)
  database.exec(
    'CREATE TABLE IF NOT EXISTS migrations (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT',
  )
  return database
}

function migrate(database: DatabaseSync, component: string, steps: readonly string[]): void {
  const row = database.prepare('SELECT version FROM migrations WHERE component = ?').get(component)
  const version = Number(row?.['version'] ?? 0)
  if (version > steps.length) {
    throw new Failure(
      'STORAGE_NEWER',
      `the database was written by a newer version of this program (${component} ${version}, known is ${steps.length}): upgrade the program, or restore a backup`,
    )
  }
  for (const [index, step] of steps.entries()) {
    if (index < version) continue
    transaction(database, () => {
      database.exec(step)
      database
        .prepare(
          'INSERT INTO migrations VALUES (?, ?) ON CONFLICT (component) DO UPDATE SET version = excluded.version',
        )
        .run(component, index + 1)
    })
  }
}

function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Statements that are kept compiled: those of this program's own, and searches in all their forms. */
const MAX_PREPARED = 200

class Worker {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()
  #revision: Revision

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#revision = Number(this.#prepare('SELECT value FROM revision').get()?.['value'])
  }

  get revision(): Revision {
    return this.#revision
  }

  operations(
    operations: readonly Operation[],
    nowMs: number,
  ): Pick<Extract<WorkerReply, { type: 'operations' }>, 'results' | 'changes'> {
    const before = this.#revision
    const changes: Change[] = []
    const work = (): OperationResult[] =>
      operations.map((operation) => this.#operate(operation, nowMs, changes))
    const reading = operations.every(({ type }) => type === 'get' || type === 'list')
    try {
      if (reading) return { results: work(), changes }
      const results = transaction(this.#database, () => {
        const done = work()
        if (this.#revision !== before) {
          this.#prepare('UPDATE revision SET value = ?').run(this.#revision)
        }
        return done
      })
      return { results, changes }
    } catch (error) {
      this.#revision = before
      throw error
    }
  }

  statements(statements: readonly Statement[]): void {
    transaction(this.#database, () => {
      for (const { sql, params } of statements) this.#prepare(sql).run(...params)
    })
  }

  rows(rows: PackedRows): void {
    transaction(this.#database, () => {
      const statement = this.#prepare(rows.sql)
      unpackRows(rows, (params) => statement.run(...params))
    })
  }

  query({ sql, params }: Statement): Row[] {
    return this.#prepare(sql)
      .all(...params)
      .map((row) => ({ ...row }) as Row)
  }

  #operate(operation: Operation, nowMs: number, changes: Change[]): OperationResult {
    switch (operation.type) {
      case 'get':
        return { type: 'item', item: this.#live(operation.key, nowMs) }
      case 'create':
        return this.#live(operation.item.key, nowMs) === null
          ? this.#write(operation.item, changes)
          : refused('ALREADY_EXISTS', operation.item.key)
      case 'put':
        return this.#write(operation.item, changes)
      case 'compareAndSwap':
        return this.#live(operation.item.key, nowMs)?.revision === operation.expected
          ? this.#write(operation.item, changes)
          : refused('CONFLICT', operation.item.key)
      case 'delete': {
        const item = this.#live(operation.key, nowMs)
        if (item === null) return refused('NOT_FOUND', operation.key)
        if (operation.expected !== null && item.revision !== operation.expected) {
          return refused('CONFLICT', operation.key)
        }
        return this.#remove(operation.key, changes)
      }
      case 'list':
        return this.#list(operation, nowMs)
      case 'sweep': {
        const rows = this.#prepare(
          'SELECT key FROM items WHERE expires_at_ms <= ? ORDER BY key',
        ).all(operation.nowMs)
        for (const row of rows) this.#remove(String(row['key']), changes)
        return { type: 'count', count: rows.length }
      }
    }
  }

  #live(key: string, nowMs: number): Item | null {
    const row = this.#prepare(
      'SELECT * FROM items WHERE key = ? AND (expires_at_ms IS NULL OR expires_at_ms > ?)',
    ).get(key, nowMs)
    return row === undefined ? null : itemOf(row)
  }

  #list(
    { from, to, after, limit }: Extract<Operation, { type: 'list' }>,
    nowMs: number,
  ): OperationResult {
    const rows = this.#prepare(
      `SELECT * FROM items
        WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) AND (?3 IS NULL OR key > ?3)
          AND (expires_at_ms IS NULL OR expires_at_ms > ?4)
        ORDER BY key LIMIT ?5`,
    ).all(from, to, after, nowMs, limit + 1)
    const items = rows.slice(0, limit).map(itemOf)
    const next = rows.length > limit ? (items.at(-1)?.key ?? null) : null
    return { type: 'page', items, next, revision: this.#revision }
  }

  #write({ key, value, expiresAtMs = null }: NewItem, changes: Change[]): OperationResult {
    this.#revision += 1
    const item: Item = { key, value, revision: this.#revision, expiresAtMs }
    this.#prepare(
      `INSERT INTO items VALUES (?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision, expires_at_ms = excluded.expires_at_ms`,
    ).run(key, value, item.revision, expiresAtMs)
    changes.push({ type: 'put', item })
    return { type: 'revision', revision: item.revision }
  }

  #remove(key: string, changes: Change[]): OperationResult {
    this.#revision += 1
    this.#prepare('DELETE FROM items WHERE key = ?').run(key)
    changes.push({ type: 'delete', key, revision: this.#revision })
    return { type: 'revision', revision: this.#revision }
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#prepared.get(sql) ?? this.#database.prepare(sql)
    // The one that was used longest ago goes first.
    this.#prepared.delete(sql)
    this.#prepared.set(sql, statement)
    if (this.#prepared.size > MAX_PREPARED) {
      const [oldest = ''] = this.#prepared.keys()
      this.#prepared.delete(oldest)
    }
    return statement
  }
}

const refused = (
  code: Extract<OperationResult, { type: 'refused' }>['code'],
  key: string,
): OperationResult => ({ type: 'refused', code, key })

const itemOf = (row: Record<string, unknown>): Item => ({
  key: String(row['key']),
  value: String(row['value']),
  revision: Number(row['revision']),
  expiresAtMs: row['expires_at_ms'] === null ? null : Number(row['expires_at_ms']),
})

/** SQLite's own words, with the next step where there is one. */
function explain(error: unknown, path: string): { code: string; message: string } {
  if (error instanceof Failure) return { code: error.code, message: error.message }
  const text = error instanceof Error ? error.message : String(error)
  const hints: readonly (readonly [RegExp, string])[] = [
    [/malformed|not a database/i, 'the file is damaged: restore it from a backup'],
    [/disk is full|database or disk is full/i, 'the disk is full: make room'],
    [/readonly|read-only/i, 'the file or its directory may not be written by this user'],
    [
      /unable to open|EACCES|ENOENT/i,
      'the file cannot be opened: look at its directory and rights',
    ],
    [/locked|busy/i, 'another program has the database open'],
  ]
  const hint = hints.find(([pattern]) => pattern.test(text))?.[1]
  return {
    code: 'STORAGE_UNAVAILABLE',
    message: `${path}: ${text}${hint === undefined ? '' : ` (${hint})`}`,
  }
}

function main(port: NonNullable<typeof parentPort>): void {
  const settings = workerData as WorkerSettings
  const reply = (message: WorkerReply): void => port.postMessage(message)
  let database: DatabaseSync
  let worker: Worker
  try {
    database = open(settings)
    migrate(database, 'storage', STORAGE_STEPS)
    worker = new Worker(database)
  } catch (error) {
    reply({ id: 0, type: 'failed', ...explain(error, settings.path) })
    port.close()
    return
  }
  port.on('message', (request: WorkerRequest) => {
    const { id } = request
    try {
      switch (request.type) {
        case 'operations':
          reply({ id, type: 'operations', ...worker.operations(request.operations, request.nowMs) })
          return
        case 'statements':
          worker.statements(request.statements)
          reply({ id, type: 'done' })
          return
        case 'rows':
          worker.rows(request.rows)
          reply({ id, type: 'done' })
          return
        case 'query':
          reply({ id, type: 'rows', rows: worker.query(request.statement) })
          return
        case 'migrate':
          migrate(database, request.component, request.steps)
          reply({ id, type: 'done' })
          return
        case 'close':
          database.close()
          reply({ id, type: 'done' })
          port.close()
      }
    } catch (error) {
      reply({ id, type: 'failed', ...explain(error, settings.path) })
    }
  })
  reply({ id: 0, type: 'ready', revision: worker.revision })
}

if (parentPort !== null) main(parentPort)
