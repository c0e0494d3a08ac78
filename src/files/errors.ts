import { CodedError } from '../core/index.ts'

export type FilesErrorCode =
  /** Another process holds the lock, and did not let go in time. */
  'LOCK_HELD'

/** Names the file; `facts.path` has it too. */
export class FilesError extends CodedError<FilesErrorCode> {
  override readonly name = 'FilesError'
}
