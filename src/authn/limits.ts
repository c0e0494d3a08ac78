import type { LockoutRules } from './lockout.ts'

/** Numbers of local logins, each with its unit and reason. */

/** OWASP's least for argon2id. The hash names its own numbers, so they may grow without a migration. */
export const ARGON2_MEMORY_KIB = 19_456
export const ARGON2_PASSES = 2
export const ARGON2_LANES = 1
/** Each takes a thread of the four that files, DNS and SQLite's neighbours share, and 19 MiB. */
export const MAX_HASHES_AT_ONCE = 2
/** More would wait for longer than a person does; about a second's work. */
export const MAX_HASHES_WAITING = 64
/** Of one address, running and waiting: a flood from one place leaves room for others. Networks take turns besides. */
export const MAX_HASHES_PER_ADDRESS = 8

/** NIST SP 800-63B asks for 8 beside a second factor and 15 alone; the second factor may be off. */
export const MIN_PASSWORD_CHARS = 12
/** A passphrase is shorter; hashing costs the same, but somebody has to carry it. */
export const MAX_PASSWORD_CHARS = 1024
/** Fewer different characters are a key held down. */
export const MIN_DISTINCT_CHARS = 5
/** A shorter user name may be part of a password by chance. */
export const MIN_NAME_CHARS_TO_JUDGE = 3

/** RFC 6238: what every authenticator app takes. */
export const OTP_PERIOD_MS = 30_000
export const OTP_DIGITS = 6
/** Steps before and after: a clock may be off by half a minute, and people need time to type. */
export const OTP_WINDOW_STEPS = 1
/** RFC 4226, 4 (R6): 160 bits. */
export const OTP_SECRET_BYTES = 20

/** 128 bits cannot be guessed, however long somebody tries. */
export const TOKEN_BYTES = 16
/** Of a first invitation, and of a reset: whoever finds an old one must not become the user. */
export const DEFAULT_INVITE_TTL_MS = 60 * 60 * 1000
export const MAX_INVITE_TTL_MS = 48 * 60 * 60 * 1000
export const DEFAULT_RESET_TTL_MS = 8 * 60 * 60 * 1000
export const MAX_RESET_TTL_MS = 24 * 60 * 60 * 1000

/** Writers of one record who come between each other so often are not persons. */
export const MAX_SWAP_ATTEMPTS = 16

/**
 * One user name: after five failures the sixth attempt waits for half a minute, then a minute, at last a quarter of an
 * hour; so a password is tried about a hundred times a day at most, from wherever.
 */
export const USER_LOCKOUT: LockoutRules = {
  freeFailures: 5,
  firstWaitMs: 30_000,
  lastWaitMs: 15 * 60_000,
  forgetMs: 15 * 60_000,
}
/** One address, over all names: many people may share it, so it forgets sooner. */
export const ADDRESS_LOCKOUT: LockoutRules = {
  freeFailures: 20,
  firstWaitMs: 30_000,
  lastWaitMs: 15 * 60_000,
  forgetMs: 60_000,
}
/**
 * One network (a /24 of IPv4, a /48 of IPv6) over all its addresses: who has one gets no more attempts by using all of them. Its failures are
 * forgotten so fast that one address alone, which waits for itself, never makes its neighbours wait.
 */
export const NETWORK_LOCKOUT: LockoutRules = {
  freeFailures: 200,
  firstWaitMs: 15_000,
  lastWaitMs: 60_000,
  forgetMs: 3000,
}
/** Names, addresses, and networks, that are told apart: about 4 MB when all names are long. */
export const MAX_LOCKOUTS = 10_000
