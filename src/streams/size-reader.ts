import { parseTerminalSize, type TerminalSize } from '../protocol/index.ts'

const CLOSING = 0x7d

/** Reads the sizes of a terminal out of a stream of them: a JSON object for each change, with or without a line break behind it. */
export class SizeReader {
  readonly #maxBytes: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /**
   * The last size that is whole with this piece, or null. Those before it are over already, and whoever sends thousands in a piece makes us read one.
   * 'too long': what came is the beginning of none.
   */
  push(piece: Buffer): TerminalSize | 'too long' | null {
    const text = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const end = text.lastIndexOf(CLOSING)
    const rest = text.subarray(end + 1)
    if (rest.length > this.#maxBytes) return 'too long'
    this.#rest = Buffer.from(rest)
    if (end < 1) return null
    const begin = text.lastIndexOf(CLOSING, end - 1) + 1
    if (end - begin > this.#maxBytes) return 'too long'
    const words = text.toString('utf8', begin, end + 1).trim()
    // What is no object is not worth an exception.
    return words.startsWith('{') ? parseTerminalSize(words) : null
  }
}
