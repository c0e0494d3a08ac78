import { join } from 'node:path'
import { errorMessage, type Logger } from '../../core/index.ts'
import type { SpoolDisk } from './disk.ts'
import { sizeOf } from './size-of.ts'

/** The id of a session, and when it was put here. */
const NAME = /^([0-9a-f-]{36})-(\d+)$/

interface PutAside {
  readonly name: string
  readonly id: string
  readonly atMs: number
  readonly bytes: number
}

/**
 * What nobody can read, or what was refused for good: in nobody's way, for whoever wants to look at it. It has a limit of its own, so
 * that it takes no room from sessions that go on; the oldest is removed.
 */
export class Aside {
  readonly #path: string
  readonly #limit: number
  readonly #disk: SpoolDisk
  readonly #log: Logger
  /** In the order in which it was put here. */
  #all: readonly PutAside[] = []

  constructor(parts: {
    readonly path: string
    readonly limitBytes: number
    readonly disk: SpoolDisk
    readonly log: Logger
  }) {
    this.#path = parts.path
    this.#limit = parts.limitBytes
    this.#disk = parts.disk
    this.#log = parts.log
  }

  /** What an earlier process put here; files of others are left alone. */
  async takeOver(): Promise<void> {
    const found: PutAside[] = []
    for (const name of await this.#disk.list(this.#path)) {
      const [, id, atMs] = NAME.exec(name) ?? []
      if (id === undefined) continue
      const bytes = await sizeOf(join(this.#path, name), this.#disk)
      found.push({ name, id, atMs: Number(atMs), bytes })
    }
    this.#all = found.sort((a, b) => a.atMs - b.atMs)
    await this.#makeRoom()
  }

  /** Rejects with the file system's error; it is then where it was. */
  async put(id: string, from: string, atMs: number): Promise<void> {
    await this.#disk.makeDirectory(this.#path)
    const bytes = await sizeOf(from, this.#disk)
    const name = `${id}-${atMs}`
    await this.#disk.rename(from, join(this.#path, name))
    this.#all = [...this.#all, { name, id, atMs, bytes }]
    await this.#makeRoom()
  }

  async #makeRoom(): Promise<void> {
    let sum = this.#all.reduce((total, { bytes }) => total + bytes, 0)
    const tooMuch: PutAside[] = []
    for (const one of this.#all) {
      if (sum <= this.#limit) break
      tooMuch.push(one)
      sum -= one.bytes
    }
    this.#all = this.#all.slice(tooMuch.length)
    for (const { id, name, bytes } of tooMuch) {
      const fields = { recording: id, bytes }
      try {
        await this.#disk.remove(join(this.#path, name))
        this.#log.warn(fields, 'a recording that was put aside is removed: there are too many')
      } catch (error) {
        const why = { ...fields, error: errorMessage(error) }
        this.#log.warn(why, 'a recording that was put aside cannot be removed')
      }
    }
  }
}
