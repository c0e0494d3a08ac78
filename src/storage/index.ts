/**
 * storage keeps the cluster state: one small interface, in memory or in SQLite, and the SQL tables of other rooms in the
 * same database. SQLite runs in one worker thread, behind a lock on the data directory.
 *
 * Trusts: that secrets in values are encrypted already. Refuses: malformed keys, databases of newer versions, a second
 * process on the same directory. Test: test/conformance/storage runs one suite against every implementation.
 */
export type { Backend, Change, Item, Key, NewItem, Page, PageOptions, Revision } from './backend.ts'
export { StorageError, type StorageErrorCode } from './errors.ts'
export { MAX_CHANGE_HISTORY, MAX_KEY_BYTES, MAX_PAGE_ITEMS } from './limits.ts'
export { listAll } from './list-all.ts'
export { lockDirectory } from './lock.ts'
export { openMemoryBackend } from './memory.ts'
export { openSqlite, type SqliteDatabase } from './sqlite.ts'
export type { Row, RowStatement, SqlValue, Statement } from './sqlite-protocol.ts'
