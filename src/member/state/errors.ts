import { CodedError } from '../../core/index.ts'

export type SnapshotErrorCode =
  | 'SNAPSHOT_MALFORMED'
  | 'SNAPSHOT_UNTRUSTED'
  | 'SNAPSHOT_FOREIGN'
  | 'SNAPSHOT_EXPIRED'

/** Why a state of users and roles is not used, wherever it came from. */
export class SnapshotError extends CodedError<SnapshotErrorCode> {
  override readonly name = 'SnapshotError'
}
