/** Numbers of recordings, each with its unit and reason. */

/** Files that are read at once: enough for a disk, few enough for the thread pool of others. */
export const FILES_AT_ONCE = 16
/** Recordings whose list of chunk files is in memory: who plays one asks for its chunks one by one. */
export const DIRECTORIES_REMEMBERED = 256
/** Of one recording: two months of a chunk every few seconds; a service that was taken over fills no directory. */
export const MAX_CHUNKS = 1_000_000

/** Of the disk under the recordings, what is left to others: this much, or of a small disk this share. */
export const RESERVE_BYTES = 1024 ** 3
export const RESERVE_SHARE = 0.05
/** What one service may bring in a day, unless the configuration says otherwise: far more than people produce, packed. */
export const HOST_BYTES_PER_DAY = 32 * 1024 ** 3
/** Files take whole blocks of the disk: so many small ones are not small. */
export const BLOCK_BYTES = 4096

/** Single ones are others in tests. */
export interface RecorderLimits {
  /** What lies in the spool at most, in bytes: recordings that wait while the auth service is away. Then nothing is recorded any more. */
  readonly spoolBytes: number
  /** What of one session lies in the spool at most, in bytes; then it is held back, or its record breaks off, and others have room. */
  readonly sessionBytes: number
  /** What of all sessions of one person lies in the spool at most, in bytes: nobody fills it for everybody. */
  readonly personBytes: number
  /**
   * How long nothing may be delivered, in milliseconds, until a session that finds no room is not held back any more: its record
   * breaks off. While the auth service takes what it is brought, however slowly, sessions go as fast as that.
   */
  readonly awayMs: number
  /** How long a session waits for room at a time, in milliseconds, also while others are delivered. */
  readonly holdMs: number
  /**
   * What is kept anew of each stream of a session without a terminal into which somebody types or sends, in bytes per second, so that noise
   * at its beginning does not hide all that comes later.
   */
  readonly refillBytesPerSecond: number
  /** What lies aside at most, in bytes, besides the spool; the oldest makes room. */
  readonly asideBytes: number
  /** How long bytes are in memory alone, in milliseconds: what `kill -9` takes away. */
  readonly flushMs: number
  /** A part of a session is delivered so long after its first byte, in milliseconds, or sooner when there is much. */
  readonly cutMs: number
  /** An open part becomes a chunk when it is larger; it may be larger by two groups. */
  readonly chunkBytes: number
  /** Bytes of a session that wait for the disk; beyond this, who brings more is told to wait. */
  readonly pendingBytes: number
  /** The service says that a session goes on, in milliseconds; the auth service believes it for three times as long. */
  readonly sayEveryMs: number
  /** Recordings that are delivered at once. */
  readonly deliveriesAtOnce: number
  /** Sessions that nobody writes any more and that are completed at once: each takes some chunks' worth of memory. */
  readonly completionsAtOnce: number
  /** The wait after a failure doubles from the first to the last, in milliseconds, with jitter. */
  readonly retryFirstMs: number
  readonly retryLastMs: number
  /** When the process ends: so long is what waits delivered, in milliseconds; the rest waits in the spool. */
  readonly closeMs: number
}

export const defaultRecorderLimits: RecorderLimits = {
  spoolBytes: 4 * 1024 ** 3,
  sessionBytes: 512 * 1024 ** 2,
  personBytes: 1024 ** 3,
  refillBytesPerSecond: 64 * 1024,
  awayMs: 60_000,
  holdMs: 300_000,
  asideBytes: 1024 ** 3,
  flushMs: 1000,
  cutMs: 5000,
  chunkBytes: 1024 * 1024,
  pendingBytes: 1024 * 1024,
  sayEveryMs: 60_000,
  deliveriesAtOnce: 4,
  completionsAtOnce: 8,
  retryFirstMs: 200,
  retryLastMs: 10_000,
  closeMs: 5000,
}

/** Bytes after which a seal is written, and that are written at once; a group is larger by a frame at most. */
export const GROUP_BYTES = 256 * 1024
/** Of one data frame here: a group of small frames is what it says. */
export const FRAME_BYTES = 128 * 1024
/** What of a session's beginning stays in memory until its first chunk, so that a short one is delivered without being read again. */
export const HELD_PART_BYTES = 16 * 1024
/** Sessions that have ended and are delivered from memory, while the auth service takes them at once; what is more goes to files first. */
export const HELD_AT_ONCE = 64
/** Chunks of one recording that are brought before others have their turn: one may make them faster than they are taken, for ever. */
export const CHUNKS_A_TURN = 4
/** A chunk that is brought together with the beginning and the end of its recording. */
export const WHOLE_CHUNK_BYTES = 64 * 1024
/** Files of a `kubectl cp` that are told one by one. */
export const FILES_TOLD = 1000
