/**
 * core holds what every room needs and nothing of the domain: coded errors, the clock, the logger's shape, durations,
 * addresses.
 *
 * Trusts: nothing. Refuses: I/O, state, and every word of Teleport or Kubernetes.
 */
export { canonicalHost, formatAddress, hostOf, sameHost } from './address.ts'
export { addressKey, networkKey } from './address-key.ts'
export { BufferPool } from './buffer-pool.ts'
export { type Clock, isWithin, systemClock } from './clock.ts'
export { formatDuration, parseDuration } from './duration.ts'
export { CodedError, errorCode, errorMessage, unreachable } from './errors.ts'
export { fewAtOnce } from './few-at-once.ts'
export { type Following, followSignals } from './follow-signals.ts'
export { freeBytes } from './free-bytes.ts'
export { type LogFields, type Logger, silentLogger } from './logger.ts'
export { nearest } from './nearest.ts'
export { fileWords, tlsWords } from './plain-words.ts'
export { escapeUnsafe, hasUnsafe, printable, printableLines } from './printable.ts'
export { resetConnection } from './reset-connection.ts'
export { type VersionSkew, versionNumbers, versionSkew } from './version-skew.ts'
