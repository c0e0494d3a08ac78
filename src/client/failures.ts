import { errorCode, errorMessage, tlsWords } from '../core/index.ts'
import type { ConnectionHints } from './api-connection.ts'
import { ClientError } from './errors.ts'

/** Certificates that this clock takes for expired or not valid yet. */
const CLOCK_CODES: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

const TRUST_CODES: ReadonlySet<string> = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

/** RFC 8446, 6: of a record whose seal is broken, at this end or in the alert of the other, and of a handshake that both saw differently. */
const ALTERED = /bad record mac|alert decrypt error|digest check failed/

/** Why no answer came, as a ClientError with the next step. */
export function explainFailure(
  error: unknown,
  address: string,
  hints: Pick<ConnectionHints, 'unreachable' | 'untrusted'> | undefined,
): ClientError {
  if (error instanceof ClientError && error.code !== 'CONNECT_FAILED') return error
  const altered = explainAltered(error, address)
  if (altered !== null) return altered
  const code = errorCode(error) ?? ''
  if (CLOCK_CODES.has(code)) {
    return new ClientError(
      'SERVER_NOT_VALID_NOW',
      `by the clock of this machine the certificate of the auth service at ${address} is not valid: ${tlsWords(error)}`,
      { cause: error, hint: 'compare the clocks of both machines' },
    )
  }
  if (/^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_)/.test(code) || TRUST_CODES.has(code)) {
    return new ClientError(
      'SERVER_NOT_TRUSTED',
      `the server at ${address} is not the expected auth service: ${tlsWords(error)}`,
      {
        cause: error,
        hint: hints?.untrusted ?? 'is another Teleport cluster running on this port?',
      },
    )
  }
  return new ClientError(
    'CONNECT_FAILED',
    `cannot reach the auth service at ${address}: ${errorMessage(error)}`,
    {
      cause: error,
      hint: hints?.unreachable ?? 'is it running? start it with "teleport start"',
    },
  )
}

/** Null unless either end found that a byte is not the one that the other end sent. */
export function explainAltered(error: unknown, address: string): ClientError | null {
  if (!ALTERED.test(errorMessage(error))) return null
  return new ClientError(
    'CONNECTION_ALTERED',
    `what is said between this machine and ${address} is changed on its way: ${tlsWords(error)}`,
    {
      cause: error,
      hint: 'nothing of it was believed; try from another network, and tell your administrator',
    },
  )
}
