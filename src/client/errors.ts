import { CodedError } from '../core/index.ts'

export type ClientErrorCode =
  | 'CONNECT_FAILED'
  | 'SERVER_NOT_TRUSTED'
  /** What came is not what was sent, by the seal of TLS. */
  | 'CONNECTION_ALTERED'
  /** By this machine's clock the server's certificate has expired, or does not begin yet. */
  | 'SERVER_NOT_VALID_NOW'
  | 'CA_PIN_INVALID'
  /** The authority of a known proxy is another than before. */
  | 'CA_CHANGED'
  /** The authority is none of those that `--ca-pin` names. */
  | 'CA_PIN_MISMATCH'
  /** An authority at first use that nobody vouched for. */
  | 'CA_UNKNOWN'
  | 'BAD_ANSWER'
  | 'IDENTITY_MISSING'
  | 'IDENTITY_UNREADABLE'
  | 'IDENTITY_EXPIRED'
  | 'ADDRESS_INVALID'
  /** $TELEPORT_TLS_ROUTING_CONN_UPGRADE says neither yes nor no. */
  | 'UPGRADE_INVALID'
  /** Another program listens on the local port. */
  | 'PORT_TAKEN'
  | 'PROFILE_UNREADABLE'
  | 'PROFILE_UNWRITABLE'
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
