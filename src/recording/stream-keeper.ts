import { createHash, type Hash } from 'node:crypto'
import { RESUME_BYTES } from './limits.ts'

/** What was kept of a stream when it ended. */
export interface Omitted {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

/**
 * A stream without a terminal (a pipe, `kubectl cp`) is kept up to a limit; of what comes behind it the number of bytes and
 * their SHA-256 tell what it was. The limit may be refilled: then more is kept once there is room for a piece worth reading, and what was
 * left out in between is counted as one.
 */
export class StreamKeeper {
  readonly #limit: number
  #left: number
  #isSpent = false
  #omitted = 0
  #hash: Hash | null = null

  /** `limitBytes`: Infinity keeps everything. */
  constructor(limitBytes: number) {
    this.#limit = limitBytes
    this.#left = limitBytes
  }

  /** Whether something of the next chunk is kept. */
  get keeps(): boolean {
    return !this.#isSpent
  }

  refill(bytes: number): void {
    this.#left = Math.min(this.#limit, this.#left + bytes)
    if (this.#limit > 0 && this.#left >= Math.min(this.#limit, RESUME_BYTES)) this.#isSpent = false
  }

  /** The part of the chunk that is kept; empty when nothing is. */
  push(chunk: Buffer): Buffer {
    const kept = chunk.subarray(0, this.#isSpent ? 0 : Math.min(chunk.length, this.#left))
    this.#left -= kept.length
    const rest = chunk.subarray(kept.length)
    if (rest.length > 0) {
      this.#isSpent = true
      this.#hash ??= createHash('sha256')
      this.#hash.update(rest)
      this.#omitted += rest.length
    }
    return kept
  }

  /** Null when everything is kept. */
  omitted(): Omitted | null {
    if (this.#hash === null) return null
    return { bytes: this.#omitted, sha256: this.#hash.copy().digest('hex') }
  }
}
