/**
 * recordings keeps the records of sessions, whole and honestly: at the kubernetes service in a spool until they are delivered,
 * at the auth service for good.
 *
 * A session's frames gather in memory for a second at most, are written to an open part, and that is cut into chunks that are
 * delivered while the session runs (spool/). What a process left is completed by the next one, and marked as cut. Memory of a session:
 * RecorderLimits.pendingBytes, and about three times its chunkBytes while a part is made into a chunk; an idle one has none of these.
 *
 * Trusts: its directories. Refuses: a second content of what is there already, chunks out of their order, files that are not what
 * was written; one that is damaged is nobody else's trouble.
 * Test: unit tests beside the code; test/conformance/recordings for every store.
 */
export {
  RecorderError,
  type RecorderErrorCode,
  RecordingError,
  type RecordingErrorCode,
} from './errors.ts'
export { defaultRecorderLimits, HOST_BYTES_PER_DAY, type RecorderLimits } from './limits.ts'
export { Recorder, type RecorderOptions, type RecorderStats } from './recorder.ts'
export {
  defaultRecordingSettings,
  type RecordingSettings,
  type RecordOptions,
  type SessionRecord,
} from './recorder-types.ts'
export { nodeDisk, type SpoolDisk } from './spool/disk.ts'
export { openDirectoryStore } from './store/directory-store.ts'
export { StoreRoom, spaceOf } from './store/room.ts'
export type {
  KeptEnd,
  Recording,
  RecordingEnd,
  RecordingHead,
  RecordingPage,
  RecordingQuery,
  RecordingStore,
  WholeRecording,
} from './store/types.ts'
export type { RecordingTarget } from './target.ts'
export { toldFacts } from './told-facts.ts'
