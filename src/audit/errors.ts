import { CodedError } from '../core/index.ts'

export type AuditErrorCode = 'SPOOL_FULL' | 'SPOOL_UNWRITABLE' | 'SPOOL_CLOSED' | 'EVENT_TOO_LARGE'

export class AuditError extends CodedError<AuditErrorCode> {
  override readonly name = 'AuditError'
}
