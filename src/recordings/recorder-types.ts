import type { SessionFacts } from '../recording/index.ts'

/** What the Teleport cluster says about recording, for every session. */
export interface RecordingSettings {
  /** False: nothing is recorded. */
  readonly records: boolean
  /** Whatever roles say, no session goes on without its recording. */
  readonly strict: boolean
  /** Of age; none: recordings are not encrypted. */
  readonly recipients: readonly string[]
  /** Bytes kept of each stream of a session without a terminal. */
  readonly pipeBytes: number
}

/** Where nobody says otherwise. */
export const defaultRecordingSettings: RecordingSettings = {
  records: true,
  strict: false,
  recipients: [],
  pipeBytes: 4 * 1024 * 1024,
}

export interface RecordOptions {
  /** Without a terminal: bytes kept of each stream, instead of what the settings say. */
  readonly keepBytes?: number
  /** Whether stdin is kept; else it is looked at for the files of a tar stream, and nothing else. */
  readonly keepStdin?: boolean
  /** Once, when the record cannot go on, or is refused for good; the session may have ended by then. */
  readonly onFailed: (error: Error) => void
  /** There is room again after a call said false. */
  readonly onDrain: () => void
}

export interface SessionRecord {
  /** False: wait for onDrain before more is read. Never throws. The bytes are lent for as long as the call takes. */
  data(stream: 'stdin' | 'stdout' | 'stderr', data: Buffer): boolean
  resize(size: { readonly width: number; readonly height: number }): void
  marker(label: string): void
  /** Resolves when the record lies whole in the spool, or when it failed and was said to have. */
  end(end: { readonly exitCode: number | null; readonly reason: string }): Promise<void>
  /** Its session did not begin: nothing of it is kept. True: something of it is on its way already, and the record ends as `refused`. */
  discard(): boolean
}

/** What one session is recorded with. */
export interface RecordedSession {
  readonly facts: SessionFacts
  readonly recipients: readonly string[]
}
