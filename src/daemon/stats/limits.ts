/** Users that a snapshot names; the others are summed. A page of `tctl top` shows fewer. */
export const MAX_NAMED_USERS = 100
/** Users that are told apart in memory, 100 bytes each; whoever has been idle longest in ranking goes into the sum. */
export const MAX_TRACKED_USERS = 5000
/** Who is busy is judged by this window and the one before it: names do not jump in and out of a list. */
export const RECENT_WINDOW_MS = 30_000
/** The event loop's delay is told for windows of this length. */
export const EVENT_LOOP_WINDOW_MS = 10_000
