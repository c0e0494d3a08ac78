/**
 * Of the number in a sequence that the emulator carries out step by step (scrolling, lines, tabulators, repetition): more than
 * any screen has. Twenty million take it a minute, in which no key is heard.
 */
export const MAX_STEPS = 1000
/** Of what stands in one cell: an emoji of several has some ten. Marks can be put upon one letter by the million, and be shown thirty times a second. */
export const MAX_CELL_CHARS = 64
/** Of all of them in one piece: what fills some screens. A hundred kilobytes of the longest take it a minute. */
export const MAX_PIECE_STEPS = 10_000
/**
 * What the emulator is given at once, of a terminal of STAGE_CELLS; of a larger one it is less, since a sequence of two bytes may be about
 * all of its cells. It takes a turn of the event loop between pieces only.
 */
export const STAGE_PIECE_BYTES = 1024
export const STAGE_CELLS = 80 * 24
export const MIN_PIECE_BYTES = 16
/** Pieces that wait for the emulator before it is waited for; whoever quits waits for no more. */
export const STAGE_PIECES = 32
/** How often the time in the last line moves, and how often the screen is drawn at most. */
export const REFRESH_MS = 250
export const FRAME_MS = 33
/** `--skip-idle-time`: long enough to see that there was a pause. */
export const SKIPPED_IDLE_MS = 1000
