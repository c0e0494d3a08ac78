import type { RecordingEnd, RecordingHead, WholeRecording } from './store/types.ts'

/**
 * Where recordings are delivered: the store of this process, or the auth service far away. Each call may be repeated. What rejects
 * with RECORDING_CONFLICT is refused for good; any other error is one of the moment, and `begin` comes first when it is tried again.
 */
export interface RecordingTarget {
  /** Also says that the session goes on. */
  begin(head: RecordingHead): Promise<void>
  putChunk(id: string, index: number, chunk: Uint8Array): Promise<void>
  end(id: string, end: RecordingEnd): Promise<void>
  /**
   * All three at once, for one that is over and has one small chunk. RECORDING_UNKNOWN: it is a service that knows the three alone, as
   * is a target without this.
   */
  whole?(recording: WholeRecording): Promise<void>
}
