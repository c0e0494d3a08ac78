import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { errorMessage, fileWords } from '../core/index.ts'
import { StorageError } from './errors.ts'

/**
 * Makes a directory (0700) this process's own until disposed. The lock is the operating system's, held through an open
 * transaction on a file: it ends with the process, however that ends, and no process id can be mistaken.
 * Rejects with StorageError DIRECTORY_LOCKED, naming the process that has it, or DIRECTORY_UNUSABLE where nothing can be written.
 */
export async function lockDirectory(path: string): Promise<AsyncDisposable> {
  const lockFile = join(path, 'lock')
  const ownerFile = join(path, 'lock.pid')
  await writable(path, async () => {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await chmod(path, 0o700)
    await writeFile(lockFile, '', { flag: 'a', mode: 0o600 })
  })
  let database: DatabaseSync
  try {
    database = new DatabaseSync(lockFile)
    // EXCLUSIVE without WAL takes a POSIX lock on the file itself.
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (cause) {
    const owner = await readFile(ownerFile, 'utf8').catch(() => 'unknown')
    throw new StorageError(
      'DIRECTORY_LOCKED',
      `${path} is in use by another process (pid ${owner.trim()}): stop it, or give this one another data_dir`,
      { cause: new Error(errorMessage(cause)), facts: { path } },
    )
  }
  try {
    await writable(path, () => writeFile(ownerFile, `${process.pid}\n`, { mode: 0o600 }))
  } catch (error) {
    database.close()
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      if (!database.isOpen) return
      database.exec('ROLLBACK')
      database.close()
    },
  }
}

async function writable(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (cause) {
    throw new StorageError(
      'DIRECTORY_UNUSABLE',
      `cannot keep anything in the data directory ${path}: ${fileWords(cause)}: give this user a directory of its own to write to, with room, as teleport.data_dir or --data-dir`,
      { cause, facts: { path } },
    )
  }
}
