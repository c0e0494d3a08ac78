import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, errorMessage } from '../../core/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import { MemberError } from '../errors.ts'
import type { IdentityStore } from './types.ts'

const IDENTITY_FILE = 'member-identity.json'

/** Keeps the identity in the data directory, 0600. */
export function fileStore(dataDir: string): IdentityStore {
  const path = join(dataDir, IDENTITY_FILE)
  return {
    place: path,
    async load() {
      try {
        const text = await readFile(path, 'utf8')
        // A copy or a restore may have opened it.
        await chmod(path, 0o600)
        return text
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return null
        throw unavailable(`cannot read ${path}`, error)
      }
    },
    async save(text) {
      await writePrivateFile(path, text).catch((error: unknown) => {
        throw unavailable(`cannot write ${path}`, error)
      })
    },
  }
}

const unavailable = (what: string, cause: unknown): MemberError =>
  new MemberError('MEMBER_STATE_UNAVAILABLE', `${what}: ${errorMessage(cause)}`, { cause })
