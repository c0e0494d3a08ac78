import { createHash, type Hash } from 'node:crypto'

/** The running hash of a record that has not begun: the SHA-256 of nothing. */
export const NO_RECORD: Buffer = createHash('sha256').digest()

/** A place behind a seal, from which a record can be gone on with: by another process, too. */
export interface RecordPlace {
  /** The running hash there, which is what the seal says. */
  readonly digest: Buffer
  /** The time of the last frame before it, in milliseconds since the beginning. */
  readonly atMs: number
  /** Nothing was written yet. */
  readonly isBeginning: boolean
}

/**
 * The hash that seals repeat: SHA-256 of the last seal's hash and of all bytes behind that seal. So it covers everything before, and
 * nobody needs everything before to go on with it.
 */
export class RunningHash {
  #last: Buffer
  #since: Hash | null = null

  constructor(last: Buffer = NO_RECORD) {
    this.#last = last
  }

  update(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#since ??= createHash('sha256').update(this.#last)
    this.#since.update(bytes)
  }

  digest(): Buffer {
    return this.#since === null ? this.#last : this.#since.copy().digest()
  }

  /** What a seal here says; the seal itself is not hashed. */
  seal(): Buffer {
    this.#last = this.digest()
    this.#since = null
    return this.#last
  }
}
