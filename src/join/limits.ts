/** Numbers of joining, each with its unit and reason. */

/** 192 bits, as long as the original's: nobody guesses one, however long he tries. */
export const TOKEN_BYTES = 24
/** A token that a person chose: shorter ones are guessed from a stolen database, where only hashes lie. */
export const MIN_TOKEN_CHARS = 16
/** Tokens stand in files, command lines and Helm values. */
export const MAX_TOKEN_CHARS = 256
/** Long enough to install an agent, too short to be found later. */
export const DEFAULT_TOKEN_TTL_MS = 60 * 60 * 1000
export const MAX_TOKEN_TTL_MS = 48 * 60 * 60 * 1000
/** Of a member's certificate. It is renewed at half of that, so an agent may be away for a week without a new token. */
export const MEMBER_CERTIFICATE_TTL_MS = 14 * 24 * 60 * 60 * 1000
/**
 * How long a member whose certificate ended stays in the inventory, and at least how long it is known that one was removed: nothing
 * that a member is given may live longer.
 */
export const MEMBER_MEMORY_MS = 30 * 24 * 60 * 60 * 1000
/** How often what heartbeats tell is written down; what is newer lives in memory. */
export const SEEN_EVERY_MS = 60_000
/** A member that was not heard of for longer is offline. It says a word every five seconds: the inventory tells the truth within 15. */
export const MEMBER_OFFLINE_MS = 14_000
/** Writers of one record who come between each other so often are not agents. */
export const MAX_SWAP_ATTEMPTS = 16
