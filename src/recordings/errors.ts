import { CodedError } from '../core/index.ts'

export type RecordingErrorCode =
  /** There is no such recording, or no such chunk of it. */
  | 'RECORDING_UNKNOWN'
  /** It is there already, with another content, or what comes before is missing. */
  | 'RECORDING_CONFLICT'
  /** A file is not what was written. */
  | 'RECORDING_CORRUPT'
  /** A cursor that is none. */
  | 'RECORDING_CURSOR'

export class RecordingError extends CodedError<RecordingErrorCode> {
  override readonly name = 'RecordingError'
}
