import { createHash, type Hash } from 'node:crypto'

/** What was kept of a stream when it ended. */
export interface Omitted {
  readonly bytes: number
  /** Hex. */
  readonly sha256: string
}

/**
 * A stream without a terminal (a pipe, `kubectl cp`) is kept up to a limit; of what comes behind it the number of bytes and
 * their SHA-256 tell what it was.
 */
export class StreamKeeper {
  #left: number
  #omitted = 0
  #hash: Hash | null = null

  /** `limitBytes`: Infinity keeps everything. */
  constructor(limitBytes: number) {
    this.#left = limitBytes
  }

  /** The part of the chunk that is kept; empty when nothing is. */
  push(chunk: Buffer): Buffer {
    const kept = chunk.subarray(0, Math.min(chunk.length, this.#left))
    this.#left -= kept.length
    const rest = chunk.subarray(kept.length)
    if (rest.length > 0) {
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
