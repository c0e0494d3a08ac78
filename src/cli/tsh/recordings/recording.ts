import type { RecordError, RecordFrame } from '../../../recording/index.ts'
import { CliError } from '../../errors.ts'

/** A recording that can be read from its beginning, as often as it is wanted. */
export interface Recording {
  /** What it is, where it came from. */
  readonly title: string
  /** In the session's own time; null when nobody knows before it was read. */
  readonly durationMs: number | null
  /** Throws RecordError at what is not as it was recorded; the frames before that are good. */
  frames(): AsyncGenerator<RecordFrame, void, undefined>
  /** The bare bytes of the record, as far as they are as it was recorded, then as `frames`; null for what is no record of ours. */
  bytes(): AsyncGenerator<Buffer, void, undefined> | null
  /** Once everything was read: null for one that is whole, else in words what is missing. */
  missing(): string | null
}

/** What is said of a recording that ends before its session did. */
export const CUT =
  'the recording ends before its session did: its service died, or the session goes on'

/** One that is not as it was recorded; `before` says what became of that which came before. */
export const broken = (error: RecordError, before: string): CliError =>
  new CliError('RECORDING_BROKEN', error.message, {
    cause: error,
    // What is no recording at all was changed by nobody.
    hint:
      error.code === 'RECORD_UNKNOWN' ? before : `${before}: somebody changed it, or a disk failed`,
  })
