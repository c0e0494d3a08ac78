import { lstat, mkdir, open, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { makePrivateDirectory } from '../../files/index.ts'

/** A file that grows. */
export interface GrowingFile {
  append(bytes: Buffer): Promise<void>
  close(): Promise<void>
}

/** What the spool does with the disk, so that tests can let each of it fail. All reject with the file system's error. */
export interface SpoolDisk {
  /** With those above it, unless it is there. */
  makeDirectory(path: string): Promise<void>
  /** Rejects when it is there. */
  makeNewDirectory(path: string): Promise<void>
  /** A new file, which survives the process from its first byte on. */
  create(path: string): Promise<GrowingFile>
  /**
   * Whole or not at all, and it survives the process. It is not synced, as nothing in a spool is: a session would wait for a disk that
   * others keep busy, and the store syncs what it is given.
   */
  write(path: string, bytes: Uint8Array): Promise<void>
  read(path: string): Promise<Buffer>
  list(path: string): Promise<string[]>
  facts(path: string): Promise<{
    readonly size: number
    readonly modifiedMs: number
    readonly isDirectory: boolean
  }>
  unlink(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** One in which nothing is. */
  removeEmpty(path: string): Promise<void>
  /** With all that is in it. */
  remove(path: string): Promise<void>
}

export const nodeDisk: SpoolDisk = {
  makeDirectory: makePrivateDirectory,
  makeNewDirectory: (path) => mkdir(path, { mode: 0o700 }),
  async create(path) {
    const file = await open(path, 'wx', 0o600)
    return {
      async append(bytes) {
        let at = 0
        while (at < bytes.length) at += (await file.write(bytes, at)).bytesWritten
      },
      close: () => file.close(),
    }
  },
  async write(path, bytes) {
    const beside = `${path}.new`
    await writeFile(beside, bytes, { mode: 0o600 })
    await rename(beside, path)
  },
  read: readWhole,
  list: (path) => readdir(path),
  async facts(path) {
    const found = await lstat(path)
    return {
      size: found.size,
      modifiedMs: Math.trunc(found.mtimeMs),
      isDirectory: found.isDirectory(),
    }
  },
  unlink,
  rename,
  removeEmpty: (path) => rmdir(path),
  remove: (path) => rm(path, { recursive: true, force: true }),
}

/** Into memory of its size: `readFile` reads pieces, and puts them together in as much again. */
async function readWhole(path: string): Promise<Buffer> {
  await using file = await open(path, 'r')
  const { size } = await file.stat()
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return at === size ? bytes : bytes.subarray(0, at)
}
