import { join } from 'node:path'
import type { SpoolDisk } from './disk.ts'

/** Of a file, or of all that is below a directory, in bytes. */
export async function sizeOf(path: string, disk: SpoolDisk): Promise<number> {
  const { size, isDirectory } = await disk.facts(path)
  if (!isDirectory) return size
  let sum = 0
  for (const name of await disk.list(path)) sum += await sizeOf(join(path, name), disk)
  return sum
}
