/**
 * Of the number in a sequence that the emulator carries out step by step (scrolling, lines, tabulators, repetition): more than
 * any screen has. Twenty million take it a minute, in which no key is heard.
 */
export const MAX_STEPS = 1000
/** What the emulator is given at once: it takes a turn of the event loop between pieces only. */
export const STAGE_PIECE_BYTES = 4 * 1024
/** Bytes that wait for the emulator before it is waited for. */
export const STAGE_PENDING_BYTES = 1024 * 1024
/** How often the time in the last line moves, and how often the screen is drawn at most. */
export const REFRESH_MS = 250
export const FRAME_MS = 33
/** `--skip-idle-time`: long enough to see that there was a pause. */
export const SKIPPED_IDLE_MS = 1000
