import type { LockResource } from '../../contract/index.ts'
import { ApiError } from '../errors.ts'
import { instantOf } from '../instant.ts'

const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/**
 * The lock as it is stored, its end in UTC. Throws BAD_REQUEST for an end that is none or has passed, and for a message
 * that would do something to the terminal in which it is read.
 */
export function judgeLock(lock: LockResource, nowMs: number, ownHostId: string): LockResource {
  const { expires, message, target } = lock.spec
  if (message !== undefined && UNPRINTABLE.test(message)) {
    throw new ApiError('BAD_REQUEST', 'spec.message must be one line without control characters')
  }
  const { user, role, server_id: serverId } = target
  if (user === undefined && role === undefined && serverId === undefined) {
    throw new ApiError('BAD_REQUEST', 'spec.target names nobody: give user, role or server_id')
  }
  if (serverId !== undefined && (user !== undefined || role !== undefined)) {
    throw new ApiError(
      'BAD_REQUEST',
      'spec.target.server_id locks a service out, and stands beside no user or role: make two locks',
    )
  }
  if (serverId === ownHostId) {
    throw new ApiError(
      'BAD_REQUEST',
      'spec.target.server_id is the process of the auth service: stop it instead',
    )
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
