import { randomBytes } from 'node:crypto'
import fs, { closeSync } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

export interface PrivateFile {
  readonly path: string
  readonly content: string | Uint8Array
  /** 0700 instead of 0600. */
  readonly executable?: boolean
  readonly modifiedAt?: Date
}

/**
 * Writes a private file, 0600 from its first byte, whole or not at all: beside its place, synced, then renamed.
 *
 * @throws the file system's error; what was there before is then untouched
 */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  await writePrivateFiles([{ path, content }])
}

/**
 * Writes several private files that belong together: all are whole on the disk before the first takes its place, so that
 * a full disk leaves all of them as they were.
 *
 * @throws the file system's error
 */
export async function writePrivateFiles(files: readonly PrivateFile[]): Promise<void> {
  const staged: { readonly beside: string; readonly path: string }[] = []
  try {
    for (const { path, content, executable, modifiedAt } of files) {
      const beside = await stage(path, executable === true ? 0o700 : 0o600, async (file) => {
        await file.writeFile(content)
        if (modifiedAt !== undefined) await file.utimes(modifiedAt, modifiedAt)
      })
      staged.push({ beside, path })
    }
    for (const { beside, path } of staged) await rename(beside, path)
  } catch (error) {
    for (const { beside } of staged) await unlink(beside).catch(() => {})
    throw error
  }
}

/**
 * Writes a new private file, synced, where nobody looks for it yet: in a directory that takes its place as a whole later.
 *
 * @throws the file system's error; half of it may then be there
 */
export async function writeNewFile(path: string, content: string | Uint8Array): Promise<void> {
  const file = await openFile(path, 'wx', 0o600)
  try {
    await writeAll(file, content)
    await sync(file)
  } finally {
    // What was synced does not make it wait, and another thread would cost more.
    closeSync(file)
  }
}

const [openFile, writeAll, sync] = [
  promisify(fs.open),
  promisify(fs.writeFile),
  promisify(fs.fsync),
]

/** A new file beside `path`, filled and synced; resolves to where it is. */
export async function stage(
  path: string,
  mode: number,
  fill: (file: FileHandle) => Promise<void>,
): Promise<string> {
  const beside = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  const file = await open(beside, 'wx', mode)
  try {
    await fill(file)
    await file.sync()
  } catch (error) {
    await unlink(beside).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
  return beside
}
