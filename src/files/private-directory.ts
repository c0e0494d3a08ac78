import { closeSync, fsync, openSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../core/index.ts'

/**
 * Makes a directory and those above it, 0700, unless they are there.
 *
 * @throws the file system's error: that of Node's `recursive` is ENOENT on a file system that is mounted read-only, which
 * names neither cause nor cure
 */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const above = dirname(path)
    if (errorCode(error) === 'ENOENT' && above !== path) {
      await makePrivateDirectory(above)
      await makePrivateDirectory(path)
      return
    }
    const found = await stat(path).catch(() => null)
    if (found?.isDirectory() !== true) throw error
  }
}

/** What was made, renamed or removed in a directory survives the machine's losing its power from now on. */
export async function syncDirectory(path: string): Promise<void> {
  // Neither waits for the disk, and another thread costs ten times as much as they do.
  const directory = openSync(path, 'r')
  try {
    await sync(directory)
  } finally {
    closeSync(directory)
  }
}

const sync = promisify(fsync)
