const EMPTY = Buffer.alloc(0)
/** Each piece of memory costs some hundred bytes besides its own. */
const SMALL_BYTES = 4096
const TAIL_BYTES = 16 * 1024

/**
 * Bytes of a frame that is not whole yet. Whoever sends them one by one makes us keep few pieces of memory all the same, of at most about twice as many
 * bytes as came; larger ones are kept as they are.
 */
export class KeptBytes {
  #pieces: Buffer[] = []
  /** Small ones are copied into it, one behind the other. */
  #tail = EMPTY
  #filled = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** In how many pieces of memory they are. */
  get pieces(): number {
    return this.#pieces.length + (this.#filled > 0 ? 1 : 0)
  }

  push(chunk: Buffer): void {
    const hasRoom = this.#filled > 0 && chunk.length <= this.#tail.length - this.#filled
    if (hasRoom || (this.#length > 0 && chunk.length < SMALL_BYTES)) this.#copy(chunk)
    else {
      this.#seal()
      this.#pieces.push(chunk)
    }
    this.#length += chunk.length
  }

  /** All of them, in one piece. */
  joined(): Buffer {
    this.#seal()
    const [first] = this.#pieces
    if (first !== undefined && this.#pieces.length === 1) return first
    const joined = Buffer.concat(this.#pieces)
    this.#pieces = [joined]
    return joined
  }

  /** These and no others. */
  reset(rest: Buffer): void {
    this.#pieces = rest.length === 0 ? [] : [rest]
    this.#tail = EMPTY
    this.#filled = 0
    this.#length = rest.length
  }

  #copy(chunk: Buffer): void {
    if (chunk.length > this.#tail.length - this.#filled) {
      this.#seal()
      this.#tail = Buffer.allocUnsafeSlow(TAIL_BYTES)
    }
    chunk.copy(this.#tail, this.#filled)
    this.#filled += chunk.length
  }

  /** Nothing is written into it any more. */
  #seal(): void {
    if (this.#filled > 0) this.#pieces.push(this.#tail.subarray(0, this.#filled))
    this.#tail = EMPTY
    this.#filled = 0
  }
}
