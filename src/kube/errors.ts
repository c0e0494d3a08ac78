import { CodedError } from '../core/index.ts'

export type KubeErrorCode =
  | 'AMBIGUOUS_PATH'
  | 'AMBIGUOUS_QUERY'
  | 'METHOD_NOT_ALLOWED'
  | 'UPGRADE_NOT_ALLOWED'
  | 'HEADER_UNSAFE'

/** A request that could be read in two ways, or that has no place here. */
export class KubeError extends CodedError<KubeErrorCode> {
  override readonly name = 'KubeError'
}
