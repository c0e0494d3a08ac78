/**
 * sinks is where delivered events end up: SQL tables with a documented schema (docs/audit-schema.md).
 *
 * Trusts: that the deliverer may speak for the events' services. Refuses: to store an event twice, and to let a started
 * event replace a finished one.
 */
export { SinkError, type SinkErrorCode } from './errors.ts'
export { openSqlAuditStore, type SqlAuditStore } from './sql-audit-store.ts'
