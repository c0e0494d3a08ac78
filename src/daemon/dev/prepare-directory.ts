import { lstat, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../core/index.ts'
import { DaemonError } from '../errors.ts'

/**
 * Makes the directory for keys, which no repository takes in. Rejects with DaemonError DIRECTORY_NOT_OWN for one that somebody else made,
 * or leads to by a link: he would read the keys, whatever its mode is then.
 */
export async function prepareDirectory(
  path: string,
  ownUid: number | null = process.getuid?.() ?? null,
): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  for (const found of [await lstat(path), await stat(path)]) {
    if (ownUid !== null && found.uid !== ownUid) {
      throw new DaemonError(
        'DIRECTORY_NOT_OWN',
        `${path} belongs to another user (uid ${found.uid}): remove it, or start in another directory`,
        { facts: { path } },
      )
    }
  }
  await writeFile(join(path, '.gitignore'), '*\n', { flag: 'wx', mode: 0o600 }).catch(
    (error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    },
  )
}
