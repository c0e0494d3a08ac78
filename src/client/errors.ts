import { CodedError } from '../core/index.ts'

export type ClientErrorCode =
  | 'CONNECT_FAILED'
  | 'SERVER_NOT_TRUSTED'
  | 'BAD_ANSWER'
  | 'IDENTITY_MISSING'
  | 'IDENTITY_UNREADABLE'
  | 'IDENTITY_EXPIRED'
  | 'ADDRESS_INVALID'
  | 'KUBECONFIG_UNREADABLE'
  | 'KUBECONFIG_UNWRITABLE'

/** What went wrong between a command and the auth service; `hint` is the next step. */
export class ClientError extends CodedError<ClientErrorCode> {
  override readonly name = 'ClientError'
  readonly hint: string | null

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { cause?: unknown; facts?: Readonly<Record<string, unknown>>; hint?: string } = {},
  ) {
    super(code, message, options)
    this.hint = options.hint ?? null
  }
}

/** The auth service's own refusal: its code and words, unchanged. */
export class ApiCallError extends CodedError<string> {
  override readonly name = 'ApiCallError'
  readonly status: number
  readonly hint: string | null

  constructor(status: number, code: string, message: string, hint: string | null = null) {
    super(code, message)
    this.status = status
    this.hint = hint
  }
}
