import { MAX_DISCOVERY_CHARS } from './limits.ts'

/** The reasons of `metav1.StatusReason` that we give, with their HTTP codes (apimachinery/pkg/apis/meta/v1/types.go). */
export const statusCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  Timeout: 408,
  Conflict: 409,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
} as const
export type StatusReason = keyof typeof statusCodes

/** The body of a `metav1.Status` failure: what every Kubernetes client shows to its user. JSON, one line. */
export function statusBody(status: {
  readonly reason: StatusReason
  readonly message: string
}): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: status.message,
    reason: status.reason,
    code: statusCodes[status.reason],
  })
}

/**
 * The last event of a watch that is ended for a reason: what an API server sends when it cannot go on
 * (apimachinery/pkg/watch, `Error`). JSON, one line with its end.
 */
export const watchErrorEvent = (status: Parameters<typeof statusBody>[0]): string =>
  `{"type":"ERROR","object":${statusBody(status)}}\n`

/** One short line for discovery paths, where kubectl shows text and hides a Status. */
export function discoveryText(message: string): string {
  const line = message.replace(LINE_BREAKS, ' ').trim()
  const characters = [...line]
  return characters.length > MAX_DISCOVERY_CHARS
    ? `${characters.slice(0, MAX_DISCOVERY_CHARS - 1).join('')}…`
    : line
}

const LINE_BREAKS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g
