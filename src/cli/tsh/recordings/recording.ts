import type { RecordFrame } from '../../../recording/index.ts'

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
