import { CodedError } from '../core/index.ts'

export type DialErrorCode = 'PROXY_ENV_INVALID'

/** What stands in the environment about proxies cannot be followed. */
export class DialError extends CodedError<DialErrorCode> {
  override readonly name = 'DialError'
}
