import { MEMBER_STATE_WAIT_MS } from '../../contract/index.ts'

/** Numbers of a followed state, each with its unit and reason. */

/** The wait after a failed call doubles from the first to the last, with jitter: a thousand members come back one after the other. */
export const RETRY_FIRST_MS = 100
export const RETRY_LAST_MS = 5000
/** A state of which only the signature's time is new is written this often: it bounds what a restart adds to its age. */
export const SNAPSHOT_WRITE_MS = 60_000
/** Clocks of two machines differ; a statement from further in the future is none. */
export const CLOCK_SKEW_MS = 5 * 60_000
/** A call that waits for news is answered before: nothing heard for so long means that changes are missed. */
export const STATE_SILENT_MS = MEMBER_STATE_WAIT_MS + 15_000
