import type {
  AuditEvent,
  AuditPage,
  AuditQuery,
  AuditReader,
  AuditSink,
  EncodedEvent,
} from '../audit/index.ts'
import type { SqliteDatabase, SqlValue } from '../storage/index.ts'
import { AUDIT_STEPS } from './audit-steps.ts'
import { SinkError } from './errors.ts'

/** The body comes last, as the long text of a row. */
const COLUMNS = ['uid', 'time', 'event', 'user', 'kube_cluster', 'final', 'body'] as const

/** A second event of one uid replaces a started one; what is final stays, however often it is delivered. */
const UPSERT = `INSERT INTO audit_log (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})
  ON CONFLICT (uid) DO UPDATE SET ${COLUMNS.filter((column) => column !== 'uid')
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}
  WHERE audit_log.final = 0`

/** Events on a page at most. */
const MAX_PAGE_EVENTS = 1000

/** The audit log in SQL tables: delivery is idempotent by uid, reading pages through a cursor. */
export interface SqlAuditStore extends AuditSink, AuditReader {
  /** Removes events before a time (RFC 3339). */
  deleteBefore(time: string): Promise<void>
}

export async function openSqlAuditStore(database: SqliteDatabase): Promise<SqlAuditStore> {
  await database.migrate('audit', AUDIT_STEPS)
  return {
    async store(events) {
      await database.transactionOfRows({ sql: UPSERT, rows: events.map(rowOf) })
    },
    search: (query) => search(database, query),
    async deleteBefore(time) {
      await database.transaction([{ sql: 'DELETE FROM audit_log WHERE time < ?', params: [time] }])
    },
  }
}

async function search(database: SqliteDatabase, query: AuditQuery): Promise<AuditPage> {
  const limit = Math.min(query.limit ?? MAX_PAGE_EVENTS, MAX_PAGE_EVENTS)
  const ascending = query.order === 'asc'
  const byArrival = query.order === 'arrival'
  if (byArrival && query.after === undefined) return { events: [], next: await endOf(database) }
  const conditions: string[] = []
  const params: SqlValue[] = []
  const where = (sql: string, ...values: SqlValue[]): void => {
    conditions.push(sql)
    params.push(...values)
  }
  if (query.user !== undefined) where('user = ?', query.user)
  if (query.kubeCluster !== undefined) where('kube_cluster = ?', query.kubeCluster)
  if (query.events !== undefined) {
    where(`event IN (${query.events.map(() => '?').join(', ')})`, ...query.events)
    // In these words the index of the rare events is found; for the others, which are nearly all, the one by time is as good.
    if (!query.events.includes('kube.request')) where("event <> 'kube.request'")
  }
  if (query.from !== undefined) where('time >= ?', query.from)
  if (query.to !== undefined) where('time < ?', query.to)
  if (query.after !== undefined) {
    const cursor = parseCursor(query.after)
    if (byArrival) where('id > ?', cursor.id)
    else where(ascending ? '(time, id) > (?, ?)' : '(time, id) < (?, ?)', cursor.time, cursor.id)
  }
  const direction = ascending ? 'ASC' : 'DESC'
  const rows = await database.query(
    `SELECT id, time, body FROM audit_log
      ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
      ORDER BY ${byArrival ? 'id' : `time ${direction}, id ${direction}`} LIMIT ?`,
    [...params, limit + 1],
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  // Numbers begin anew when everything was deleted: a cursor beyond the end would wait for ever.
  if (byArrival && last === undefined) return { events: [], next: await endOf(database) }
  return {
    events: page.map((row) => JSON.parse(String(row['body'])) as AuditEvent),
    next:
      (byArrival || rows.length > limit) && last !== undefined
        ? formatCursor({ time: String(last['time']), id: Number(last['id']) })
        : null,
  }
}

/** Where the next event by arrival will come. */
async function endOf(database: SqliteDatabase): Promise<string> {
  const [row] = await database.query('SELECT max(id) AS id FROM audit_log', [])
  return formatCursor({ time: '', id: Number(row?.['id'] ?? 0) })
}

interface Cursor {
  readonly time: string
  readonly id: number
}

const formatCursor = ({ time, id }: Cursor): string =>
  Buffer.from(JSON.stringify([time, id])).toString('base64url')

function parseCursor(text: string): Cursor {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    if (Array.isArray(value) && typeof value[0] === 'string' && Number.isSafeInteger(value[1])) {
      return { time: value[0], id: Number(value[1]) }
    }
  } catch (cause) {
    throw new SinkError('CURSOR_INVALID', 'this is not a cursor of the audit log', { cause })
  }
  throw new SinkError('CURSOR_INVALID', 'this is not a cursor of the audit log')
}

function rowOf(event: EncodedEvent): { params: SqlValue[]; text: Uint8Array } {
  const { uid, time, event: name, user, kubeCluster, final, json } = event
  const params = [
    uid,
    time,
    name,
    user === null ? null : clean(user),
    kubeCluster === null ? null : clean(kubeCluster),
    final ? 1 : 0,
  ]
  return { params, text: json }
}

/** SQLite's text ends at NUL for many readers, and lone surrogates are not UTF-8. */
const clean = (text: string): string => text.replaceAll('\u0000', '\ufffd').toWellFormed()
