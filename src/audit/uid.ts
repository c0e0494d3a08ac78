import { createHash, randomUUID } from 'node:crypto'

/** Milliseconds since 1970 fill twelve hexadecimal digits until the year 10889. */
const TIME_DIGITS = 12

/**
 * A new event's uid: a UUID of version 7 (RFC 9562, 5.7). It begins with the time, so that events are stored side by side
 * as they come; the index of a large log would be written all over by random ones (measured: half the cost of an insert).
 */
export function newEventUid(nowMs: number): string {
  // What follows the version digit of a random UUID is 74 random bits and the variant.
  return timed(nowMs, randomUUID().slice(15))
}

/** The uid of an event that is written again when nobody knows whether it was: the same for the same time and words. */
export function eventUidOf(nowMs: number, words: string): string {
  const hex = createHash('sha256').update(words).digest('hex')
  return timed(nowMs, `${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`)
}

function timed(nowMs: number, rest: string): string {
  const time = Math.max(0, Math.trunc(nowMs)).toString(16).padStart(TIME_DIGITS, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest}`
}
