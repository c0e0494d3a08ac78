import { CodedError } from '../core/index.ts'

export type DaemonErrorCode =
  | 'LISTEN_FAILED'
  | 'SECRET_KEY_INVALID'
  | 'ROLE_NOT_POSSIBLE'
  | 'NO_KUBE_CLUSTERS'
  | 'JOIN_TOKEN_UNREADABLE'
  | 'USAGE'
  | 'KUBE_STATE'
  | 'WEB_PAGES_UNUSABLE'
  | 'DIRECTORY_NOT_OWN'

/** Why the daemon does not start, in words for its administrator. */
export class DaemonError extends CodedError<DaemonErrorCode> {
  override readonly name = 'DaemonError'
}
