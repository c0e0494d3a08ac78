import { link, rename, unlink } from 'node:fs/promises'
import { errorCode } from '../core/index.ts'
import { stage } from './private-file.ts'

/**
 * Writes a private file piece by piece, 0600 from its first byte, whole or not at all, and holds no more than one piece in memory.
 *
 * @throws EEXIST for a file that is there, unless it may be overwritten; the file system's error; what `pieces` throws
 */
export async function writePrivateStream(
  path: string,
  pieces: AsyncIterable<string | Uint8Array>,
  options: { readonly overwrite: boolean },
): Promise<void> {
  const beside = await stage(path, 0o600, async (file) => {
    for await (const piece of pieces) await file.appendFile(piece)
  })
  try {
    if (options.overwrite) await rename(beside, path)
    // Unlike a rename it never replaces what came into being meanwhile.
    else await linkAndForget(beside, path)
  } catch (error) {
    await unlink(beside).catch(() => {})
    throw error
  }
}

async function linkAndForget(beside: string, path: string): Promise<void> {
  try {
    await link(beside, path)
  } catch (error) {
    // Some file systems have no links.
    const code = errorCode(error)
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error
    await rename(beside, path)
    return
  }
  await unlink(beside)
}
