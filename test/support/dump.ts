import { createReadStream } from 'node:fs'
import { open, readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'

const PIECE_BYTES = 4 * 1024 * 1024

type Needles = Readonly<Record<string, string | Buffer>>

/** Looks for needles in pieces of something large, also where a piece ends and the next begins. */
class Search {
  readonly found = new Set<string>()
  readonly #needles: readonly (readonly [name: string, bytes: Buffer])[]
  readonly #longest: number
  #before: Buffer = Buffer.alloc(0)

  constructor(needles: Needles) {
    this.#needles = Object.entries(needles).map(([name, needle]) => [name, Buffer.from(needle)])
    this.#longest = Math.max(...this.#needles.map(([, bytes]) => bytes.length))
  }

  take(piece: Buffer): void {
    const window = Buffer.concat([this.#before, piece])
    for (const [name, bytes] of this.#needles) {
      if (!this.found.has(name) && window.includes(bytes)) this.found.add(name)
    }
    this.#before = window.subarray(Math.max(0, window.length - this.#longest))
  }

  /** What comes now does not follow what came before. */
  interrupt(): void {
    this.#before = Buffer.alloc(0)
  }
}

/** Which of the needles are in a file. */
export async function findInFile(path: string, needles: Needles): Promise<string[]> {
  const search = new Search(needles)
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    search.take(piece as Buffer)
  }
  return [...search.found].sort()
}

/** Which of the needles are in the memory of a process that we started, in all of it that can be read; it stands still meanwhile. */
export async function findInMemory(pid: number, needles: Needles): Promise<string[]> {
  const search = new Search(needles)
  process.kill(pid, 'SIGSTOP')
  try {
    while (!/\) T /.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await setImmediate()
    const regions = readableRegions(await readFile(`/proc/${pid}/maps`, 'utf8'))
    const memory = await open(`/proc/${pid}/mem`)
    try {
      for (const { from, to } of regions) {
        search.interrupt()
        for (let at = from; at < to; at += PIECE_BYTES) {
          const piece = Buffer.alloc(Math.min(PIECE_BYTES, to - at))
          const { bytesRead } = await memory.read(piece, 0, piece.length, at)
          search.take(piece.subarray(0, bytesRead))
        }
      }
    } finally {
      await memory.close()
    }
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  return [...search.found].sort()
}

/** Of `/proc/<pid>/maps`: everything that the process itself may read, but for the pages of clocks, which are the kernel's. */
function readableRegions(maps: string): { readonly from: number; readonly to: number }[] {
  return maps.split('\n').flatMap((line) => {
    const [, from = '', to = ''] =
      /^([0-9a-f]+)-([0-9a-f]+) r(?!.*\[v(?:var|syscall))/.exec(line) ?? []
    return from === '' ? [] : [{ from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) }]
  })
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
