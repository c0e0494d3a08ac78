import { createReadStream } from 'node:fs'
import { readdir, readlink, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { mustRun } from './process.ts'

/** Which of the needles are in a file. Reads it piece by piece: memory dumps are large. */
export async function findInFile(
  path: string,
  needles: Readonly<Record<string, string>>,
): Promise<string[]> {
  const found = new Set<string>()
  const longest = Math.max(...Object.values(needles).map((needle) => Buffer.byteLength(needle)))
  let before: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 4 * 1024 * 1024 })) {
    const window = Buffer.concat([before, chunk as Buffer])
    for (const [name, needle] of Object.entries(needles)) {
      if (window.includes(needle)) found.add(name)
    }
    before = window.subarray(Math.max(0, window.length - longest))
  }
  return [...found].sort()
}

/** Which of the needles are in a process's memory, of whatever it could read or write at this moment. */
export async function findInMemory(
  pid: number,
  directory: string,
  needles: Readonly<Record<string, string>>,
): Promise<string[]> {
  const prefix = join(directory, 'core')
  await mustRun('gcore', ['-a', '-o', prefix, String(pid)], { timeoutMs: 300_000 })
  const path = `${prefix}.${pid}`
  try {
    return await findInFile(path, needles)
  } finally {
    await rm(path)
  }
}

/** Regular files that a process holds open for whatever purpose, its own program and libraries left out. */
export async function openFiles(pid: number): Promise<string[]> {
  const directory = `/proc/${pid}/fd`
  const targets = await Promise.all(
    (await readdir(directory)).map((name) => readlink(join(directory, name)).catch(() => '')),
  )
  const files = await Promise.all(
    targets.map(async (path) => {
      const status = path.startsWith('/') ? await stat(path).catch(() => null) : null
      return status?.isFile() === true ? path : null
    }),
  )
  return files.filter((path) => path !== null)
}
