import { CodedError } from '../core/index.ts'

export type StorageErrorCode =
  | 'ALREADY_EXISTS'
  | 'CONFLICT'
  | 'NOT_FOUND'
  | 'KEY_INVALID'
  | 'RESYNC'
  | 'STORAGE_CLOSED'
  | 'STORAGE_UNAVAILABLE'
  | 'STORAGE_NEWER'
  | 'DIRECTORY_LOCKED'
  | 'DIRECTORY_UNUSABLE'

export class StorageError extends CodedError<StorageErrorCode> {
  override readonly name = 'StorageError'
}
