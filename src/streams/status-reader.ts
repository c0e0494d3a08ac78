const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING = 0x7b
const CLOSING = 0x7d
const FIRST_BYTES = 1024

/**
 * Puts together a Status that comes in pieces, however small they are: each byte is looked at once, to see where the object ends, and none of it is
 * parsed before.
 */
export class StatusReader {
  readonly #maxBytes: number
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  #state: 'before' | 'inside' | 'behind' | 'no object' = 'before'
  #depth = 0
  #isInString = false
  #isEscaped = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** False: it is longer than it may be, and nothing of the piece was kept. */
  push(piece: Buffer): boolean {
    const length = this.#length + piece.length
    if (length > this.#maxBytes) return false
    if (length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(length, this.#bytes.length * 2, FIRST_BYTES))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    piece.copy(this.#bytes, this.#length)
    this.#length = length
    for (const byte of piece) this.#look(byte)
    return true
  }

  /** An object came, up to its end, and nothing but space around it. */
  get isWhole(): boolean {
    return this.#state === 'behind'
  }

  text(): string {
    return this.#bytes.toString('utf8', 0, this.#length)
  }

  #look(byte: number): void {
    if (this.#state === 'no object') return
    if (this.#state !== 'inside') {
      if (isSpace(byte)) return
      this.#state = this.#state === 'before' && byte === OPENING ? 'inside' : 'no object'
      this.#depth = 1
    } else if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (byte === BACKSLASH) this.#isEscaped = true
      else if (byte === QUOTE) this.#isInString = false
    } else if (byte === QUOTE) this.#isInString = true
    else if (byte === OPENING) this.#depth += 1
    else if (byte === CLOSING) {
      this.#depth -= 1
      if (this.#depth === 0) this.#state = 'behind'
    }
  }
}

/** RFC 8259, 2. */
const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
