/** Bytes that somebody pushes and somebody else reads; who pushes is told when there is too much. */
export class ByteQueue {
  readonly #chunks: Buffer[] = []
  readonly #onRoom: () => void
  #bytes = 0
  #ended = false
  #waiting: ((chunk: Buffer | null) => void) | null = null

  /** `onRoom` is called when there is room again after `push` has said that there is none. */
  constructor(onRoom: () => void = () => {}) {
    this.#onRoom = onRoom
  }

  /** False: wait for room before the next one. */
  push(chunk: Buffer): boolean {
    if (this.#ended || chunk.length === 0) return true
    const waiting = this.#waiting
    if (waiting !== null) {
      this.#waiting = null
      waiting(chunk)
      return true
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    return this.#bytes < HIGH_BYTES
  }

  end(): void {
    this.#ended = true
    this.#waiting?.(null)
    this.#waiting = null
  }

  /** The next bytes, or null when there will be none. One reader at a time. */
  async read(signal: AbortSignal): Promise<Buffer | null> {
    const next = this.#chunks.shift()
    if (next !== undefined) {
      const wasFull = this.#bytes >= HIGH_BYTES
      this.#bytes -= next.length
      if (wasFull && this.#bytes < HIGH_BYTES) this.#onRoom()
      return next
    }
    if (this.#ended || signal.aborted) return null
    const { promise, resolve } = Promise.withResolvers<Buffer | null>()
    this.#waiting = resolve
    const onAbort = (): void => {
      if (this.#waiting === resolve) this.#waiting = null
      resolve(null)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Puts back what was read too much. */
  unread(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.unshift(chunk)
    this.#bytes += chunk.length
  }
}

/** As much as a pipe of Linux holds, times four. */
const HIGH_BYTES = 256 * 1024
