import { CodedError } from '../core/index.ts'
import type { UpstreamFailure, UpstreamFailureCode } from './types.ts'

/** UPSTREAM_CONFIG: the kubeconfig file or the pod's ServiceAccount cannot be read at all. */
export type UpstreamErrorCode = UpstreamFailureCode | 'UPSTREAM_CONFIG'

/** What this room raises; those with an UpstreamFailureCode are UpstreamFailures. Never holds a credential. */
export class UpstreamError<
  Code extends UpstreamErrorCode = UpstreamErrorCode,
> extends CodedError<Code> {
  override readonly name: string = 'UpstreamError'
}

/** An error of the connection to an API server. */
export function upstreamFailure(
  code: UpstreamFailureCode,
  message: string,
  cause?: unknown,
): UpstreamFailure & Error {
  return new UpstreamError(code, message, cause === undefined ? {} : { cause })
}

/** Whether something that was thrown already carries our words. */
export function isUpstreamFailure(error: unknown): error is UpstreamFailure & Error {
  return error instanceof UpstreamError && error.code !== 'UPSTREAM_CONFIG'
}
