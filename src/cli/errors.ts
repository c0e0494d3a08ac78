import {
  ApiCallError,
  ClientError,
  type ClientErrorCode,
  KubeconfigEditError,
} from '../client/index.ts'
import { CodedError, errorMessage } from '../core/index.ts'
import { exitCodes } from './exit-codes.ts'

export type CliErrorCode =
  | 'USAGE'
  | 'FILE_EXISTS'
  | 'FILE_UNREADABLE'
  | 'FILE_UNWRITABLE'
  | 'REFUSED'
  | 'NO_IDENTITY'
  | 'EDITOR_FAILED'
  | 'NOT_LOGGED_IN'
  | 'LOGIN_EXPIRED'
  | 'QUERY_INVALID'
  /** A recording that is not as it was recorded. */
  | 'RECORDING_BROKEN'
  /** One that is encrypted, without the key that opens it. */
  | 'RECORDING_LOCKED'
  /** A question that nobody is there to answer. */
  | 'NO_TERMINAL'
  /** Stopped at a prompt. */
  | 'INTERRUPTED'

/** A mistake of the person or of the surroundings, with what to do about it. */
export class CliError extends CodedError<CliErrorCode> {
  override readonly name = 'CliError'
  readonly hint: string | null

  constructor(
    code: CliErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string } = {},
  ) {
    super(code, message, options)
    this.hint = options.hint ?? null
  }
}

/** Ends a command with an exit code when everything has been said. */
export class QuietExit extends Error {
  override readonly name = 'QuietExit'
  readonly exit: number

  constructor(exit: number) {
    super(`exit code ${exit}`)
    this.exit = exit
  }
}

/** The same error with one more line of what to do. */
export function withHint(error: unknown, line: string): unknown {
  const hinted = (hint: string | null): string => (hint === null ? line : `${hint}\n${line}`)
  if (error instanceof ApiCallError) {
    return new ApiCallError(error.status, error.code, error.message, hinted(error.hint))
  }
  if (error instanceof ClientError || error instanceof CliError) {
    const { message, cause } = error
    const options = { cause, hint: hinted(error.hint) }
    return error instanceof CliError
      ? new CliError(error.code, message, options)
      : new ClientError(error.code, message, options)
  }
  return error
}

/** One line of what went wrong; lines of what to do. */
export function describeError(error: unknown): {
  message: string
  hint: string | null
  exit: number
} {
  if (error instanceof ApiCallError) {
    const denied = error.status === 401 || error.status === 403
    return {
      message: error.message,
      hint: error.hint,
      exit: denied ? exitCodes.denied.code : exitCodes.failed.code,
    }
  }
  if (error instanceof ClientError || error instanceof CliError) {
    return { message: error.message, hint: error.hint, exit: exitOf(error.code) }
  }
  if (error instanceof KubeconfigEditError) {
    return { message: error.message, hint: error.hint, exit: exitCodes.failed.code }
  }
  return {
    message: error instanceof CodedError ? error.message : `internal error: ${errorMessage(error)}`,
    hint:
      error instanceof CodedError
        ? null
        : 'this is a defect: please report it with the command line',
    exit: exitCodes.failed.code,
  }
}

function exitOf(code: CliErrorCode | ClientErrorCode): number {
  switch (code) {
    case 'USAGE':
    case 'ADDRESS_INVALID':
    case 'CA_PIN_INVALID':
    case 'QUERY_INVALID':
      return exitCodes.usage.code
    case 'INTERRUPTED':
      return exitCodes.interrupted.code
    case 'NO_IDENTITY':
    case 'NOT_LOGGED_IN':
    case 'LOGIN_EXPIRED':
    case 'IDENTITY_EXPIRED':
      return exitCodes.denied.code
    default:
      return exitCodes.failed.code
  }
}
