/**
 * files writes what only its owner may read: keys, identities, kubeconfigs.
 *
 * Trusts: the directory that it is given.
 * Refuses: to leave half a file, or one that was readable by others for a moment.
 */
export { writePrivateFile } from './private-file.ts'
