import { errorCode, formatDuration } from '../../core/index.ts'
import { ApiError } from '../errors.ts'
import { HASHING_RETRY_MS } from '../limits.ts'

/** Too many attempts: not looked at, whatever it holds. The same for names that do not exist. */
export function throttled(waitMs: number): ApiError {
  const seconds = Math.ceil(waitMs / 1000) * 1000
  return new ApiError(
    'LOGIN_THROTTLED',
    `too many attempts: try again in ${formatDuration(seconds)}`,
    { facts: { retryAfterMs: seconds } },
  )
}

/** Rethrows, with words for a machine that has more passwords to hash than it can. */
export function explainBusy(error: unknown): never {
  if (errorCode(error) !== 'HASHING_BUSY') throw error
  throw throttled(HASHING_RETRY_MS)
}
