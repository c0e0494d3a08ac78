import { CodedError } from '../core/index.ts'

export type RecordingErrorCode =
  /** There is no such recording, or no such chunk of it. */
  | 'RECORDING_UNKNOWN'
  /** It is there already, with another content, or what comes before is missing. */
  | 'RECORDING_CONFLICT'
  /** A file is not what was written. */
  | 'RECORDING_CORRUPT'
  /** It is there, and cannot be read now: nothing that is said of it is for good. */
  | 'RECORDING_UNREADABLE'
  /** The disk, or the share of the service that brings it, has no room for it now. */
  | 'RECORDING_NO_ROOM'
  /** A cursor that is none. */
  | 'RECORDING_CURSOR'

/** Why nothing can be recorded. */
export type RecorderErrorCode =
  /** Recordings that wait for the auth service fill the spool. */
  | 'RECORDER_FULL'
  /** One recording waits with more than may lie in the spool of one session, or those of one person do. */
  | 'RECORDER_SHARE_FULL'
  /** The disk does not take what is recorded. */
  | 'RECORDER_UNWRITABLE'
  /** The auth service does not take the recording. */
  | 'RECORDER_REFUSED'
  /** The process ends. */
  | 'RECORDER_CLOSED'

export class RecorderError extends CodedError<RecorderErrorCode> {
  override readonly name = 'RecorderError'
}

export class RecordingError extends CodedError<RecordingErrorCode> {
  override readonly name = 'RecordingError'
}
