import type { Writable } from 'node:stream'
import { BufferPool } from '../core/index.ts'

/** Four TLS records (RFC 8446, 5.1), which is what Node reads at once; more leaves in several writes. */
export const MOST_AT_ONCE: number = 64 * 1024
/** With what is put in front of it. */
const PIECE_BYTES = MOST_AT_ONCE + 64
/** 4 MB stay for the next large transfers. */
const pool = new BufferPool(PIECE_BYTES, 64)
/** Less is not worth a piece. */
const MIN_PIECE_BYTES = 4 * 1024
/** Nor is less for as long as somebody does not read: it waits in memory of its own size. */
const MIN_WAITING_BYTES = PIECE_BYTES / 2

/**
 * What is sent on a connection. Large frames of one turn are put together in memory that is used again, and leave at its end; a small
 * one with nothing before it, as those of a terminal are, leaves at once.
 */
export class Outbox {
  readonly #to: Writable
  #piece: Buffer | null = null
  #filled = 0

  constructor(to: Writable) {
    this.#to = to
  }

  /** Somebody has to read before more is to be written: a `drain` comes. */
  get isFull(): boolean {
    return this.#to.writableNeedDrain
  }

  /** Sends a frame of so many bytes, at most MOST_AT_ONCE and a head, each of which `fill` writes. False: wait for `drain`. */
  add(bytes: number, fill: (frame: Buffer) => void): boolean {
    if (this.#isGone) return true
    if (this.#piece !== null && this.#filled + bytes > MOST_AT_ONCE) this.flush()
    if (this.#piece === null) {
      if (bytes < MIN_PIECE_BYTES) {
        const frame = Buffer.allocUnsafe(bytes)
        fill(frame)
        return this.#to.write(frame)
      }
      this.#piece = pool.take()
      this.#filled = 0
      setImmediate(() => this.flush())
    }
    fill(this.#piece.subarray(this.#filled, this.#filled + bytes))
    this.#filled += bytes
    if (this.#filled > MOST_AT_ONCE - MIN_PIECE_BYTES) this.flush()
    return !this.isFull
  }

  /** Sends bytes that nobody changes any more. False: wait for `drain`. `sent` is called once they wait nowhere any more. */
  write(bytes: Buffer, sent?: () => void): boolean {
    if (bytes.length === 0 || this.#isGone) {
      sent?.()
      return true
    }
    this.flush()
    return this.#to.write(bytes, sent === undefined ? undefined : () => sent())
  }

  /** The last, behind what was to be sent. */
  end(bytes?: Buffer): void {
    if (this.#isGone) return
    this.flush()
    if (bytes === undefined) this.#to.end()
    else this.#to.end(bytes)
  }

  flush(): void {
    const piece = this.#piece
    if (piece === null) return
    this.#piece = null
    if (this.#isGone) {
      pool.give(piece)
      return
    }
    const filled = piece.subarray(0, this.#filled)
    if (filled.length < MIN_WAITING_BYTES && this.#to.writableLength > 0) {
      this.#to.write(Buffer.from(filled))
      pool.give(piece)
      return
    }
    this.#to.write(filled, (error) => {
      // Of a connection that broke, something may still be on its way.
      if (error === undefined || error === null) pool.give(piece)
    })
  }

  get #isGone(): boolean {
    return this.#to.writableEnded || this.#to.destroyed
  }
}
