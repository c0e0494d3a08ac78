/** One text of a role: a name, a pattern, a template. Compiled once per role, tried on every label. */
export const MAX_ROLE_TEXT_CHARS = 4096
/** A role's name stands in certificates, events and refusals. */
export const MAX_ROLE_NAME_CHARS = 128
/** Names that a refusal lists before it says "…": a person reads it in a terminal. */
export const MAX_LISTED_NAMES = 10
/**
 * How old what is known of locks may be for roles with `lock: strict`: longer, and somebody may have been locked out without
 * our knowing. Five minutes, as the original has it.
 */
export const MAX_LOCKS_AGE_MS = 5 * 60_000
