/**
 * recordings keeps the records of sessions, whole and honestly: at the kubernetes service in a spool until they are delivered,
 * at the auth service for good.
 *
 * Trusts: its directories. Refuses: a second content of what is there already, chunks out of their order, files that are not what
 * was written; one that is damaged is nobody else's trouble.
 * Test: unit tests beside the code; test/conformance/recordings for every store.
 */
export { RecordingError, type RecordingErrorCode } from './errors.ts'
export { openDirectoryStore } from './store/directory-store.ts'
export type {
  Recording,
  RecordingEnd,
  RecordingHead,
  RecordingPage,
  RecordingQuery,
  RecordingStore,
} from './store/types.ts'
export type { RecordingTarget } from './target.ts'
