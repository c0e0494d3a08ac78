import { errorCode, errorMessage, tlsWords } from '../../core/index.ts'
import { isUpstreamFailure, upstreamFailure } from '../errors.ts'
import type { UpstreamFailure } from '../types.ts'

/** The failure for an established connection that broke, whoever noticed it. */
export function describeBroken(error: unknown, cluster: string): UpstreamFailure & Error {
  if (isUpstreamFailure(error)) return error
  // In TLS 1.3 a server refuses a client certificate only after our side of the handshake is done.
  return errorCode(error)?.startsWith('ERR_SSL_') === true
    ? upstreamFailure(
        'UPSTREAM_TLS',
        `the API server of cluster ${cluster} broke off TLS: ${tlsWords(error)}`,
        error,
      )
    : upstreamFailure(
        'UPSTREAM_RESET',
        `the connection to the API server of cluster ${cluster} broke: ${errorMessage(error)}`,
        error,
      )
}
