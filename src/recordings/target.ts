import type { RecordingEnd, RecordingHead } from './store/types.ts'

/**
 * Where recordings are delivered: the store of this process, or the auth service far away. Each call may be repeated. What rejects
 * with RECORDING_CONFLICT is refused for good; any other error is one of the moment, and `begin` comes first when it is tried again.
 */
export interface RecordingTarget {
  /** Also says that the session goes on. */
  begin(head: RecordingHead): Promise<void>
  putChunk(id: string, index: number, chunk: Uint8Array): Promise<void>
  end(id: string, end: RecordingEnd): Promise<void>
}
