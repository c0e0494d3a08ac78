import { chmod, readlink, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { errorCode } from '../core/index.ts'
import { stage } from './private-file.ts'

/**
 * Replaces the content of a file that is somebody else's too, whole or not at all: mode and owner stay, a symbolic link
 * stays one and its target is replaced. A new file is 0600, and one that gets a secret (`isSecret`) is taken from group and others.
 * Resolves to whether it was.
 *
 * @throws the file system's error; what was there before is then untouched
 */
export async function replaceFile(
  path: string,
  content: string,
  isSecret = false,
): Promise<boolean> {
  const target = await targetOf(path)
  const before = await stat(target).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null
    throw error
  })
  const was = (before?.mode ?? 0o600) & 0o7777
  const mode = isSecret ? was & ~0o077 : was
  const beside = await stage(target, 0o600, async (file) => {
    await file.writeFile(content)
    if (before === null) return
    const own = await file.stat()
    if (own.uid !== before.uid || own.gid !== before.gid) await file.chown(before.uid, before.gid)
    await file.chmod(mode)
  })
  try {
    await rename(beside, target)
  } catch (error) {
    await unlink(beside).catch(() => {})
    // A file that is itself a mount point, as in containers, can only be written in its place.
    if (errorCode(error) !== 'EBUSY') throw error
    if (mode !== was) await chmod(target, mode)
    await writeFile(target, content)
  }
  return mode !== was
}

/** Where a path leads, also when the last link leads to nothing yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
  const link = await readlink(path).catch(() => null)
  return link === null ? path : targetOf(resolve(dirname(path), link))
}
