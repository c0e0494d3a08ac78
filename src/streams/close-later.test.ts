import { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { closeLater } from './close-later.ts'

/** A connection whose other side takes bytes when the test says so. */
class Connection extends Duplex {
  #waiting: (() => void) | null = null

  constructor() {
    super({ highWaterMark: 4 })
    this.resume()
  }
  override _read(): void {
    // `say` does.
  }
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.#waiting = done
  }
  leave(): void {
    this.#waiting?.()
  }
  say(): void {
    this.push(Buffer.from('ping'))
  }
}

const timers: NodeJS.Timeout[] = []
const open: Connection[] = []
afterEach(() => {
  for (const timer of timers.splice(0)) clearInterval(timer)
  for (const connection of open.splice(0)) connection.destroy()
})

const STALL_MS = 200
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Closes one that was given its last bytes. */
function closing(closeMs: number): {
  readonly connection: Connection
  readonly over: Promise<void>
} {
  const connection = new Connection()
  open.push(connection)
  for (let count = 0; count < 20; count += 1) connection.write('x')
  const over = new Promise<void>((resolve) => connection.once('close', () => resolve()))
  closeLater(connection, { stallMs: STALL_MS, closeMs }, () => connection.destroy())
  return { connection, over }
}

const often = (run: () => void): void => void timers.push(setInterval(run, STALL_MS / 10))

describe('a connection that was given its last bytes', () => {
  it('is closed when none of them is taken', async () => {
    const { over } = closing(3_600_000)
    await over
  })

  it('is not while they are taken, nor while the other side is heard, and then it is', async () => {
    const { connection, over } = closing(3_600_000)
    for (let count = 0; count < 20; count += 1) {
      await sleep(STALL_MS / 5)
      connection.leave()
    }
    connection.end()
    expect(connection.destroyed).toBe(false)
    often(() => connection.say())
    await sleep(STALL_MS * 4)
    expect(connection.destroyed).toBe(false)
    for (const timer of timers.splice(0)) clearInterval(timer)
    await over
  })

  it('is closed at last, whatever is said on it', async () => {
    const { connection, over } = closing(STALL_MS * 3)
    often(() => connection.say())
    await over
  })
})
