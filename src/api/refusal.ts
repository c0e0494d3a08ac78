import { errorMessage, type Logger } from '../core/index.ts'
import type { ApiAudit } from './audit-api.ts'
import type { Caller, Stranger } from './context.ts'
import { ApiError, type ApiErrorCode } from './errors.ts'
import { type Finding, validationWords } from './validation-words.ts'

/** Refusals of whoever asks, and not of what was asked. */
const AUDITED: ReadonlySet<ApiErrorCode> = new Set([
  'ACCESS_DENIED',
  'UNAUTHENTICATED',
  'INVITE_INVALID',
  'RECORDING_LINK_INVALID',
  'RECORDING_LINK_USED',
  'LOGIN_THROTTLED',
  'LOCKED',
  'LOCKS_STALE',
  'ADDRESS_PINNED',
  'ADDRESS_NOT_PINNED',
  'MEMBER_REMOVED',
])

/** Of certificates that are genuine and worth nothing here. */
const WORTHLESS: ReadonlySet<ApiErrorCode> = new Set([
  'LOCKED',
  'ADDRESS_PINNED',
  'ADDRESS_NOT_PINNED',
  'MEMBER_REMOVED',
])

/** The same refusal, when the handler has written an event of its own about it. */
export const alreadyAudited = (refusal: ApiError): ApiError =>
  new ApiError(refusal.code, refusal.message, {
    cause: refusal,
    facts: { ...refusal.facts, audited: true },
  })

/** What was thrown, as an ApiError; refusals are audited before they are told. `path` is the route's, not the caller's. */
export async function explainRefusal(
  { audit, log }: { readonly audit: ApiAudit; readonly log: Logger },
  error: unknown,
  call: { readonly caller: Caller | Stranger; readonly method: string; readonly path: string },
): Promise<ApiError> {
  const known = asApiError(error)
  if (known.code === 'INTERNAL') {
    log.error({ error: errorMessage(error), url: call.path }, 'API call failed')
    return known
  }
  if (!AUDITED.has(known.code) || known.facts['audited'] === true) return known
  const fields = {
    success: false,
    method: call.method,
    path: call.path,
    error_code: known.code,
    error: known.message,
  }
  // A certificate that is worth nothing lets nobody fill the audit log either.
  const gather = known.facts['gathered'] === true || WORTHLESS.has(known.code)
  try {
    await (gather ? audit.gather : audit.note)(call.caller, 'auth', fields)
  } catch (auditError) {
    return asApiError(auditError)
  }
  return known
}

/** The body of every answer that is not 2xx. */
export const errorBody = ({
  code,
  message,
}: ApiError): { error: { code: ApiErrorCode; message: string } } => ({ error: { code, message } })

/** Whole seconds after which a refused call may be repeated; null when it does not say. */
export function retryAfterS({ facts }: ApiError): number | null {
  const { retryAfterMs } = facts
  return typeof retryAfterMs === 'number' ? Math.ceil(retryAfterMs / 1000) : null
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (isValidation(error)) {
    const words = validationWords(error.validation, error.validationContext ?? 'body')
    return new ApiError('BAD_REQUEST', words, { cause: error })
  }
  const status = statusOf(error)
  if (status >= 400 && status < 500) {
    return new ApiError('BAD_REQUEST', errorMessage(error), { cause: error })
  }
  // The cause goes to the log; it may hold what the caller must not see.
  return new ApiError('INTERNAL', 'internal error: the log of the auth service names the cause', {
    cause: error,
  })
}

const isValidation = (
  error: unknown,
): error is Error & { validation: readonly Finding[]; validationContext?: string } =>
  error instanceof Error && 'validation' in error && Array.isArray(error.validation)

const statusOf = (error: unknown): number =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500
