import type { LockResource } from '../../contract/index.ts'
import { ApiError } from '../errors.ts'

/** A time without a zone would mean one hour to who wrote it and another to this machine. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/**
 * The lock as it is stored, its end in UTC. Throws BAD_REQUEST for an end that is none or has passed, and for a message
 * that would do something to the terminal in which it is read.
 */
export function judgeLock(lock: LockResource, nowMs: number): LockResource {
  const { expires, message, target } = lock.spec
  if (message !== undefined && UNPRINTABLE.test(message)) {
    throw new ApiError('BAD_REQUEST', 'spec.message must be one line without control characters')
  }
  if (target.user === undefined && target.role === undefined) {
    throw new ApiError('BAD_REQUEST', 'spec.target names nobody: give user or role')
  }
  if (expires === undefined) return lock
  const endMs = INSTANT.test(expires) ? Date.parse(expires) : Number.NaN
  if (Number.isNaN(endMs)) {
    throw new ApiError(
      'BAD_REQUEST',
      `spec.expires: "${expires}" is not a time like 2026-01-31T09:00:00Z`,
    )
  }
  if (endMs <= nowMs) {
    throw new ApiError(
      'BAD_REQUEST',
      `spec.expires: ${expires} has passed; here it is ${new Date(nowMs).toISOString()}`,
    )
  }
  return { ...lock, spec: { ...lock.spec, expires: new Date(endMs).toISOString() } }
}
