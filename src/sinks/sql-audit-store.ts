import type { AuditEvent, AuditPage, AuditQuery, AuditReader, AuditSink } from '../audit/index.ts'
import type { SqliteDatabase, SqlValue, Statement } from '../storage/index.ts'
import { SinkError } from './errors.ts'

/** The schema is documented for auditors in docs/audit-schema.md; every change is a new step. */
const STEPS = [
  `CREATE TABLE audit_events (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     uid TEXT NOT NULL UNIQUE,
     time TEXT NOT NULL,
     event TEXT NOT NULL,
     code TEXT NOT NULL,
     cluster_name TEXT NOT NULL,
     user TEXT,
     address TEXT,
     kube_cluster TEXT,
     kube_verb TEXT,
     api_group TEXT,
     resource TEXT,
     subresource TEXT,
     namespace TEXT,
     name TEXT,
     impersonated_user TEXT,
     impersonated_groups TEXT,
     response_code INTEGER,
     outcome TEXT,
     decided_by TEXT,
     bytes_sent INTEGER,
     bytes_received INTEGER,
     duration_ms REAL,
     server_id TEXT,
     final INTEGER NOT NULL CHECK (final IN (0, 1)),
     body TEXT NOT NULL
   ) STRICT;
   CREATE INDEX audit_events_by_time ON audit_events (time, id);
   CREATE INDEX audit_events_by_user ON audit_events (user, time, id);
   CREATE INDEX audit_events_by_kube_cluster ON audit_events (kube_cluster, time, id);
   CREATE INDEX audit_events_by_event ON audit_events (event, time, id);`,
] as const

const COLUMNS = [
  'uid',
  'time',
  'event',
  'code',
  'cluster_name',
  'user',
  'address',
  'kube_cluster',
  'kube_verb',
  'api_group',
  'resource',
  'subresource',
  'namespace',
  'name',
  'impersonated_user',
  'impersonated_groups',
  'response_code',
  'outcome',
  'decided_by',
  'bytes_sent',
  'bytes_received',
  'duration_ms',
  'server_id',
  'final',
  'body',
] as const

/** A second event of one uid replaces a started one; what is final stays, however often it is delivered. */
const UPSERT = `INSERT INTO audit_events (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})
  ON CONFLICT (uid) DO UPDATE SET ${COLUMNS.filter((column) => column !== 'uid')
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')}
  WHERE audit_events.final = 0`

/** Events on a page at most. */
const MAX_PAGE_EVENTS = 1000

/** The audit log in SQL tables: delivery is idempotent by uid, reading pages through a cursor. */
export interface SqlAuditStore extends AuditSink, AuditReader {
  /** Removes events before a time (RFC 3339). */
  deleteBefore(time: string): Promise<void>
}

export async function openSqlAuditStore(database: SqliteDatabase): Promise<SqlAuditStore> {
  await database.migrate('audit', STEPS)
  return {
    async store(events) {
      await database.transaction(
        events.map((event): Statement => ({ sql: UPSERT, params: rowOf(event) })),
      )
    },
    search: (query) => search(database, query),
    async deleteBefore(time) {
      await database.transaction([
        { sql: 'DELETE FROM audit_events WHERE time < ?', params: [time] },
      ])
    },
  }
}

async function search(database: SqliteDatabase, query: AuditQuery): Promise<AuditPage> {
  const limit = Math.min(query.limit ?? MAX_PAGE_EVENTS, MAX_PAGE_EVENTS)
  const ascending = query.order === 'asc'
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
  }
  if (query.from !== undefined) where('time >= ?', query.from)
  if (query.to !== undefined) where('time < ?', query.to)
  if (query.after !== undefined) {
    const cursor = parseCursor(query.after)
    where(ascending ? '(time, id) > (?, ?)' : '(time, id) < (?, ?)', cursor.time, cursor.id)
  }
  const direction = ascending ? 'ASC' : 'DESC'
  const rows = await database.query(
    `SELECT id, time, body FROM audit_events
      ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
      ORDER BY time ${direction}, id ${direction} LIMIT ?`,
    [...params, limit + 1],
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    events: page.map((row) => JSON.parse(String(row['body'])) as AuditEvent),
    next:
      rows.length > limit && last !== undefined
        ? formatCursor({ time: String(last['time']), id: Number(last['id']) })
        : null,
  }
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

function rowOf(event: AuditEvent): SqlValue[] {
  const fields = event as unknown as Readonly<Record<string, unknown>>
  const text = (name: string): string | null => {
    const value = fields[name]
    return typeof value === 'string' ? clean(value) : null
  }
  const number = (name: string): number | null => {
    const value = fields[name]
    return typeof value === 'number' && Number.isFinite(value) ? value : null
  }
  const list = (name: string): readonly unknown[] => {
    const value = fields[name]
    return Array.isArray(value) ? value : []
  }
  const isRequest = event.event === 'kube.request'
  const [impersonated] = list('kubernetes_users')
  const groups = list('kubernetes_groups')
  return [
    event.uid,
    event.time,
    event.event,
    event.code,
    event.cluster_name,
    text('user'),
    text('addr.remote'),
    text('kubernetes_cluster'),
    text('kube_verb'),
    text('resource_api_group'),
    text('resource_kind'),
    text('resource_subresource'),
    text('resource_namespace'),
    isRequest ? text('resource_name') : text('name'),
    typeof impersonated === 'string' ? clean(impersonated) : null,
    groups.length === 0 ? null : clean(groups.join(',')),
    number('response_code'),
    text('outcome'),
    text('decided_by'),
    number('bytes_sent'),
    number('bytes_received'),
    number('duration_ms'),
    text('server_id'),
    fields['outcome'] === 'started' ? 0 : 1,
    JSON.stringify(event),
  ]
}

/** SQLite's text ends at NUL for many readers, and lone surrogates are not UTF-8. */
const clean = (text: string): string => text.replaceAll('\u0000', '\ufffd').toWellFormed()
