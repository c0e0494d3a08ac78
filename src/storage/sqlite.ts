import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Clock, errorMessage, type Logger } from '../core/index.ts'
import type { Backend, Change, Item, Key, NewItem, Page, PageOptions, Revision } from './backend.ts'
import { ChangeLog } from './change-log.ts'
import { StorageError, type StorageErrorCode } from './errors.ts'
import { assertKey, keyRange } from './key.ts'
import { MAX_BATCH_WRITES, MAX_PAGE_ITEMS } from './limits.ts'
import { alreadyExists, closed, conflict, notFound } from './memory.ts'
import {
  type Operation,
  type OperationResult,
  packRows,
  type Row,
  type RowStatement,
  type Statement,
  type WorkerReply,
  type WorkerRequest,
  type WorkerSettings,
} from './sqlite-protocol.ts'

/** One SQLite database: cluster state as a Backend, and tables of other rooms by SQL. */
export interface SqliteDatabase extends AsyncDisposable {
  readonly backend: Backend
  /** Runs the steps of a component that were not run yet; each step in a transaction. */
  migrate(component: string, steps: readonly string[]): Promise<void>
  /** All of them or none. */
  transaction(statements: readonly Statement[]): Promise<void>
  /** The same statement for each row; all of them or none. */
  transactionOfRows(statement: RowStatement): Promise<void>
  query(sql: string, params: Statement['params']): Promise<readonly Row[]>
  /** Rejects when the worker dies by itself; resolves when the database is closed. */
  readonly ended: Promise<void>
}

/**
 * Opens a database file (0600, its directory 0700), or `:memory:`. SQLite runs in one worker thread; writes that wait
 * while it is at work are committed together. Rejects with StorageError STORAGE_UNAVAILABLE or STORAGE_NEWER.
 */
export async function openSqlite(options: {
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
}): Promise<SqliteDatabase> {
  const { path } = options
  if (path !== ':memory:') await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const settings: WorkerSettings = { path }
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    workerData: settings,
    name: 'sqlite',
  })
  const revision = await new Promise<Revision>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (reply: WorkerReply) => {
      worker.off('error', reject)
      if (reply.type === 'ready') resolve(reply.revision)
      else reject(failureOf(reply))
    })
  })
  return new SqliteConnection(worker, revision, options.clock)
}

interface Waiting {
  resolve(reply: WorkerReply): void
  reject(error: Error): void
}

interface WaitingOperation {
  readonly operation: Operation
  resolve(result: OperationResult): void
  reject(error: Error): void
}

class SqliteConnection implements SqliteDatabase {
  readonly backend: Backend
  readonly ended: Promise<void>
  readonly #worker: Worker
  readonly #clock: Clock
  readonly #log: ChangeLog
  readonly #waiting = new Map<number, Waiting>()
  readonly #queue: WaitingOperation[] = []
  #nextId = 1
  #working = false
  #state: 'open' | 'closing' | 'closed' = 'open'

  constructor(worker: Worker, revision: Revision, clock: Clock) {
    this.#worker = worker
    this.#clock = clock
    this.#log = new ChangeLog(revision)
    this.backend = new SqliteBackend(this, this.#log)
    worker.on('message', (reply: WorkerReply) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      if (reply.type === 'failed') waiting?.reject(failureOf(reply))
      else waiting?.resolve(reply)
    })
    this.ended = new Promise((resolve, reject) => {
      let cause: unknown
      worker.on('error', (error) => {
        cause = error
      })
      worker.on('exit', (code) => {
        const clean = this.#state !== 'open'
        this.#state = 'closed'
        this.#log.close()
        const error = clean
          ? closed()
          : new StorageError(
              'STORAGE_UNAVAILABLE',
              `the storage thread died (${cause === undefined ? code : errorMessage(cause)})`,
              { cause },
            )
        for (const { reject: fail } of [...this.#waiting.values(), ...this.#queue]) fail(error)
        this.#waiting.clear()
        this.#queue.length = 0
        if (clean) resolve()
        else reject(error)
      })
    })
    // Whoever does not look at it must not crash by it: every pending call was rejected too.
    this.ended.catch(() => {})
  }

  /** Queues an operation; those that queue up while the worker is busy share one transaction. */
  operate(operation: Operation): Promise<OperationResult> {
    if (this.#state !== 'open') return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      this.#queue.push({ operation, resolve, reject })
      void this.#drain()
    })
  }

  async migrate(component: string, steps: readonly string[]): Promise<void> {
    await this.#ask((id) => ({ id, type: 'migrate', component, steps }))
  }

  async transaction(statements: readonly Statement[]): Promise<void> {
    await this.#ask((id) => ({ id, type: 'statements', statements }))
  }

  async transactionOfRows(statement: RowStatement): Promise<void> {
    const rows = packRows(statement)
    await this.#ask((id) => ({ id, type: 'rows', rows }), [rows.texts.buffer, rows.ends.buffer])
  }

  async query(sql: string, params: Statement['params']): Promise<readonly Row[]> {
    const reply = await this.#ask((id) => ({ id, type: 'query', statement: { sql, params } }))
    return reply.type === 'rows' ? reply.rows : []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'open') return
    // Messages are answered in order: whatever was asked before is done before the file is closed.
    while (this.#queue.length > 0 || this.#working) await new Promise((done) => setImmediate(done))
    const closing = this.#ask((id) => ({ id, type: 'close' }))
    this.#state = 'closing'
    await closing
    await this.ended
  }

  async #drain(): Promise<void> {
    if (this.#working) return
    this.#working = true
    // One turn of the loop, so that what is asked together is committed together.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH_WRITES)
      try {
        const reply = await this.#ask((id) => ({
          id,
          type: 'operations',
          nowMs: this.#clock.now(),
          operations: batch.map(({ operation }) => operation),
        }))
        if (reply.type !== 'operations') throw new TypeError('the worker answered something else')
        for (const change of reply.changes) this.#log.append(change)
        for (const [index, waiting] of batch.entries()) {
          const result = reply.results[index]
          if (result !== undefined) waiting.resolve(result)
        }
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(errorMessage(error))
        for (const waiting of batch) waiting.reject(failure)
      }
    }
    this.#working = false
  }

  #ask(
    build: (id: number) => WorkerRequest,
    handedOver: readonly ArrayBuffer[] = [],
  ): Promise<WorkerReply> {
    if (this.#state !== 'open') return Promise.reject(closed())
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage(build(id), handedOver)
    })
  }
}

class SqliteBackend implements Backend {
  readonly #database: SqliteConnection
  readonly #log: ChangeLog

  constructor(database: SqliteConnection, log: ChangeLog) {
    this.#database = database
    this.#log = log
  }

  async get(key: Key): Promise<Item | null> {
    assertKey(key)
    const result = await this.#database.operate({ type: 'get', key })
    return result.type === 'item' ? result.item : null
  }

  async create(item: NewItem): Promise<Revision> {
    assertKey(item.key)
    return revisionIn(await this.#database.operate({ type: 'create', item }))
  }

  async put(item: NewItem): Promise<Revision> {
    assertKey(item.key)
    return revisionIn(await this.#database.operate({ type: 'put', item }))
  }

  async compareAndSwap(item: NewItem, expected: Revision): Promise<Revision> {
    assertKey(item.key)
    return revisionIn(await this.#database.operate({ type: 'compareAndSwap', item, expected }))
  }

  async delete(key: Key, expected?: Revision): Promise<void> {
    assertKey(key)
    revisionIn(await this.#database.operate({ type: 'delete', key, expected: expected ?? null }))
  }

  async list(prefix: Key, page: PageOptions = {}): Promise<Page> {
    const result = await this.#database.operate({
      type: 'list',
      ...keyRange(prefix),
      after: page.after ?? null,
      limit: Math.min(page.limit ?? MAX_PAGE_ITEMS, MAX_PAGE_ITEMS),
    })
    if (result.type !== 'page') throw new TypeError('the worker answered something else')
    return { items: result.items, next: result.next, revision: result.revision }
  }

  watch(prefix: Key, from: Revision, signal: AbortSignal): AsyncIterable<Change> {
    return this.#log.watch(prefix, from, signal)
  }

  async sweep(nowMs: number): Promise<number> {
    const result = await this.#database.operate({ type: 'sweep', nowMs })
    return result.type === 'count' ? result.count : 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]()
  }
}

function revisionIn(result: OperationResult): Revision {
  if (result.type === 'revision') return result.revision
  if (result.type !== 'refused') throw new TypeError('the worker answered something else')
  switch (result.code) {
    case 'ALREADY_EXISTS':
      throw alreadyExists(result.key)
    case 'CONFLICT':
      throw conflict(result.key)
    case 'NOT_FOUND':
      throw notFound(result.key)
  }
}

function failureOf(reply: WorkerReply): StorageError {
  return reply.type === 'failed'
    ? new StorageError(reply.code as StorageErrorCode, reply.message)
    : new StorageError('STORAGE_UNAVAILABLE', 'the storage thread answered something else')
}
