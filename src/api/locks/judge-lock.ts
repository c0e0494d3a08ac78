import type { LockResource } from '../../contract/index.ts'
import { ApiError } from '../errors.ts'
import { instantOf } from '../instant.ts'

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
  const endMs = instantOf('spec.expires', expires)
  if (endMs <= nowMs) {
    throw new ApiError(
      'BAD_REQUEST',
      `spec.expires: ${expires} has passed; here it is ${new Date(nowMs).toISOString()}`,
    )
  }
  return { ...lock, spec: { ...lock.spec, expires: new Date(endMs).toISOString() } }
}
