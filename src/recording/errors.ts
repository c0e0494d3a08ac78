import { CodedError } from '../core/index.ts'

export type RecordErrorCode =
  /** Not a record, or not one of a version that this program knows. */
  | 'RECORD_UNKNOWN'
  | 'RECORD_MALFORMED'
  /** Somebody changed it: the sealed hash is another one. */
  | 'RECORD_CHANGED'
  /** A chunk of another record, or one that is not the next. */
  | 'RECORD_OUT_OF_ORDER'
  /** Encrypted, and not for whoever tries to read it. */
  | 'RECORD_LOCKED'

/** Bytes that are not a record as it was written. What came before them is good. */
export class RecordError extends CodedError<RecordErrorCode> {
  override readonly name = 'RecordError'
}
