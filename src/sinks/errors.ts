import { CodedError } from '../core/index.ts'

export type SinkErrorCode = 'CURSOR_INVALID'

export class SinkError extends CodedError<SinkErrorCode> {
  override readonly name = 'SinkError'
}
