import type { Authorities, Issued } from '../ca/index.ts'
import { errorCode, errorMessage } from '../core/index.ts'
import { ApiError } from './errors.ts'

/** What x509 says of orders that are the caller's mistake: a key that is none, names and addresses that are none. */
const CALLERS: ReadonlySet<string> = new Set([
  'X509_MALFORMED',
  'X509_KEY_UNSUITABLE',
  'X509_TEMPLATE_INVALID',
])

/** A certificate of the host CA. Rejects with BAD_REQUEST when what is to be certified cannot be. */
export async function issueHost(
  authorities: Authorities,
  request: Parameters<Authorities['issueHost']>[0],
): Promise<Issued> {
  try {
    return await authorities.issueHost(request)
  } catch (error) {
    if (!CALLERS.has(errorCode(error) ?? '')) throw error
    throw new ApiError('BAD_REQUEST', `cannot sign: ${errorMessage(error)}`, { cause: error })
  }
}
