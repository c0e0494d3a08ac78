/**
 * The base of every error that this product raises on purpose.
 *
 * `code` is stable and documented in docs/errors.md; `message` is for a person and may change;
 * `facts` are the values that a handler, a log line or an audit event needs. Nothing secret goes into either.
 */
export class CodedError<Code extends string = string> extends Error {
  override readonly name: string = 'CodedError'
  readonly code: Code
  readonly facts: Readonly<Record<string, unknown>>

  constructor(
    code: Code,
    message: string,
    options: { cause?: unknown; facts?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.facts = options.facts ?? {}
  }
}

/** The words of anything that was thrown, without its stack. */
export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(errorMessage).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}

/** The stable code of anything that was thrown (`CodedError.code`, Node's `error.code`), or null. */
export function errorCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null
  return typeof error.code === 'string' ? error.code : null
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new TypeError(`unreachable: ${JSON.stringify(value)}`)
}
