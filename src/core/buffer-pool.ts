/**
 * Pieces of memory of one size that are used over and over. Large transfers would else make new ones at hundreds of
 * megabytes a second, and every 64 MB of them make V8 look through its whole heap. A piece holds what its last user left
 * in it: only what was written into it since may be read.
 */
export class BufferPool {
  /** Bytes of a piece. */
  readonly pieceBytes: number
  readonly #maxFree: number
  readonly #free: Buffer[] = []

  constructor(pieceBytes: number, maxFree: number) {
    this.pieceBytes = pieceBytes
    this.#maxFree = maxFree
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.pieceBytes)
  }

  /** Once, and only what nobody will read any more. */
  give(piece: Buffer): void {
    if (this.#free.length < this.#maxFree) this.#free.push(piece)
  }
}
