/** Numbers of recordings, each with its unit and reason. */

/** Files that are read at once: enough for a disk, few enough for the thread pool of others. */
export const FILES_AT_ONCE = 16
/** Recordings whose list of chunk files is in memory: who plays one asks for its chunks one by one. */
export const DIRECTORIES_REMEMBERED = 256
/** Of one recording: two years of a chunk every few seconds would be more; a service that was taken over fills no directory. */
export const MAX_CHUNKS = 1_000_000
