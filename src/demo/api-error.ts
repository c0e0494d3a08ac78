import type { Json, JsonObject } from './json.ts'

/** The reasons of `metav1.StatusReason` that this room gives, with their HTTP codes. */
const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const
type Reason = keyof typeof codes

/** One field that cannot be as it is (`field.Error` of apimachinery). */
export interface FieldProblem {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueForbidden'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldManagerConflict'
  readonly field: string
  readonly message: string
}

/** An answer that is a `metav1.Status` failure; the message is what kubectl shows. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: number
  readonly reason: Reason
  readonly details: JsonObject | null

  constructor(reason: Reason, message: string, details: JsonObject | null = null) {
    super(message)
    this.reason = reason
    this.code = codes[reason]
    this.details = details
  }

  body(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details === null ? {} : { details: this.details }),
      code: this.code,
    }
  }
}

/** As much of a resource as words about it need. */
export interface Named {
  readonly group: string
  readonly resource: string
  readonly kind: string
}

export const qualified = ({ group, resource }: Pick<Named, 'group' | 'resource'>): string =>
  group === '' ? resource : `${resource}.${group}`

const detailsOf = (type: Named, name: string, kind = type.resource): JsonObject => ({
  ...(name === '' ? {} : { name }),
  ...(type.group === '' ? {} : { group: type.group }),
  kind,
})

export const notFound = (type: Named, name: string): ApiError =>
  new ApiError(
    'NotFound',
    `${qualified(type)} ${JSON.stringify(name)} not found`,
    detailsOf(type, name),
  )

export const alreadyExists = (type: Named, name: string): ApiError =>
  new ApiError(
    'AlreadyExists',
    `${qualified(type)} ${JSON.stringify(name)} already exists`,
    detailsOf(type, name),
  )

export const conflict = (type: Named, name: string, why: string): ApiError =>
  new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(type)} ${JSON.stringify(name)}: ${why}`,
    detailsOf(type, name),
  )

export const forbidden = (type: Named, name: string, why: string): ApiError =>
  new ApiError(
    'Forbidden',
    `${qualified(type)}${name === '' ? '' : ` ${JSON.stringify(name)}`} is forbidden: ${why}`,
    detailsOf(type, name),
  )

export const badRequest = (message: string): ApiError => new ApiError('BadRequest', message)

export const methodNotAllowed = (): ApiError =>
  new ApiError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  )

/** What Kubernetes says about a path that it does not serve. */
export const noSuchPath = (): ApiError =>
  new ApiError('NotFound', 'the server could not find the requested resource', {})

export const expired = (message: string): ApiError => new ApiError('Expired', message)

export function invalid(type: Named, name: string, problems: readonly FieldProblem[]): ApiError {
  const words = problems.map(({ field, message }) => `${field}: ${message}`)
  const kind = type.group === '' ? type.kind : `${type.kind}.${type.group}`
  const causes: Json[] = problems.map(({ reason, field, message }) => ({ reason, message, field }))
  return new ApiError(
    'Invalid',
    `${kind} ${JSON.stringify(name)} is invalid: ${words.length === 1 ? words[0] : `[${words.join(', ')}]`}`,
    { ...detailsOf(type, name, type.kind), causes },
  )
}

export const required = (field: string, why = ''): FieldProblem => ({
  reason: 'FieldValueRequired',
  field,
  message: why === '' ? 'Required value' : `Required value: ${why}`,
})

export const invalidValue = (field: string, value: Json, why: string): FieldProblem => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
})

export const unsupportedValue = (
  field: string,
  value: Json,
  supported: readonly string[],
): FieldProblem => ({
  reason: 'FieldValueNotSupported',
  field,
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((text) => JSON.stringify(text)).join(', ')}`,
})

export const forbiddenField = (field: string, why: string): FieldProblem => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${why}`,
})
