/**
 * files writes what only its owner may read (keys, identities) and what he shares with other programs (kubeconfigs), and
 * keeps processes apart by lock files.
 *
 * Trusts: the directory that it is given.
 * Refuses: to leave half a file, or a private one that was readable by others for a moment; to take a lock from a
 * process that lives.
 */
export { FilesError, type FilesErrorCode } from './errors.ts'
export { type LockOptions, withLockFile } from './lock-file.ts'
export { makePrivateDirectory, syncDirectory } from './private-directory.ts'
export {
  type PrivateFile,
  writeNewFile,
  writePrivateFile,
  writePrivateFiles,
} from './private-file.ts'
export { writePrivateStream } from './private-stream.ts'
export { replaceFile } from './replace-file.ts'
