/** Keys are indexed; longer ones are a mistake of the caller. */
export const MAX_KEY_BYTES = 512
/** Items on a page: enough for one round trip, small enough for one message to the worker. */
export const MAX_PAGE_ITEMS = 1000
/** Changes that are kept for watchers who fell behind; whoever is further behind reads everything anew. */
export const MAX_CHANGE_HISTORY = 10_000
/** Writes that wait while the worker is at work are committed together, at most so many. */
export const MAX_BATCH_WRITES = 512
