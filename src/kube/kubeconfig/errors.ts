import { CodedError } from '../../core/index.ts'

export type KubeconfigErrorCode =
  /** The file as a whole cannot be read as a kubeconfig. */
  | 'KUBECONFIG_INVALID'
  /** One of a resource would run a program or read a file on the machine that uses it. */
  | 'KUBECONFIG_UNSAFE'

/** Names the file where it is known, never a secret of it. */
export class KubeconfigError extends CodedError<KubeconfigErrorCode> {
  override readonly name: string = 'KubeconfigError'
}
