import { CodedError } from '../../core/index.ts'

export type KubeconfigEditErrorCode =
  /** The file is no kubeconfig, or written so that it cannot be changed without touching what is not ours. */
  | 'KUBECONFIG_UNEDITABLE'
  /** A context name was asked for that is taken by an entry which is not ours, or twice. */
  | 'CONTEXT_TAKEN'

/** Names the file where it is known, and never quotes from it: it may hold secrets. */
export class KubeconfigEditError extends CodedError<KubeconfigEditErrorCode> {
  override readonly name = 'KubeconfigEditError'
  readonly hint: string =
    'KUBECONFIG names another file, and "tsh login --out=<file> --format=kubernetes" writes one of its own'
}
