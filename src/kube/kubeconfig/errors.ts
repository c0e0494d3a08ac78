import { CodedError } from '../../core/index.ts'

export type KubeconfigErrorCode =
  /** The file as a whole cannot be read as a kubeconfig. */
  'KUBECONFIG_INVALID'

/** Names the file where it is known, never a secret of it. */
export class KubeconfigError extends CodedError<KubeconfigErrorCode> {
  override readonly name: string = 'KubeconfigError'
}
