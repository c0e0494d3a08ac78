/** Of one data frame; what comes in larger pieces is split. SPDY and WebSocket clients write 32 KiB at a time. */
export const MAX_DATA_BYTES = 256 * 1024
/** Of any other frame: facts of a session with a command line of 30 KB, labels of markers. */
export const MAX_WORDS_BYTES = 128 * 1024
/** Of a chunk when it is unpacked: the largest that is written has a tenth of it; a few bytes could become gigabytes. */
export const MAX_CHUNK_BYTES = 16 * 1024 * 1024
/** Of an escape sequence that is left out of plain text; longer ones are pictures, or want to hide what follows. */
export const MAX_SEQUENCE_CHARS = 4096
/** Of a line of an asciicast file; players of others write one event a line too. */
export const MAX_CAST_LINE_CHARS = 4 * 1024 * 1024
/** What a stream must have room for until it is kept again: less than this is no answer to anything. */
export const RESUME_BYTES = 64 * 1024
/**
 * Of the terminal that a player is told, wherever it runs: what people have is far below, and each cell costs it memory. A record
 * may hold any size, and keeps what was said.
 */
export const MAX_PLAYED_COLUMNS = 1000
export const MAX_PLAYED_ROWS = 500
/** Of the number in a sequence that a terminal carries out step by step: more than any screen has. */
export const MAX_STEPS = 1000
/** Of all of them that come together, and for each character that comes: some screens full. */
export const STEPS_BURST = 10_000
export const STEPS_PER_CHAR = 10
/** Of a sequence whose rest has not come; none has so many. */
export const MAX_HELD_SEQUENCE_CHARS = 256
