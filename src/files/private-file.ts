import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/**
 * Writes a private file, 0600 (0700 when it is a program) from its first byte, whole or not at all: beside its place,
 * synced, then renamed.
 *
 * @throws the file system's error; what was there before is then untouched
 */
export async function writePrivateFile(
  path: string,
  content: string,
  options: { readonly executable?: boolean; readonly modifiedAt?: Date } = {},
): Promise<void> {
  await writeBeside(path, options.executable === true ? 0o700 : 0o600, async (file) => {
    await file.writeFile(content)
    if (options.modifiedAt !== undefined) await file.utimes(options.modifiedAt, options.modifiedAt)
  })
}

/** A new file beside `path`, filled, synced, and renamed to it. */
export async function writeBeside(
  path: string,
  mode: number,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const beside = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  try {
    const file = await open(beside, 'wx', mode)
    try {
      await fill(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await unlink(beside).catch(() => {})
    throw error
  }
}
