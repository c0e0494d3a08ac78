import { CodedError } from '../core/index.ts'

export type X509ErrorCode = 'X509_MALFORMED' | 'X509_KEY_UNSUITABLE' | 'X509_TEMPLATE_INVALID'

/** A certificate or key that is not what it must be. */
export class X509Error extends CodedError<X509ErrorCode> {
  override readonly name = 'X509Error'
}
