/** A line longer than this is broken: what is held back of one cluster must not grow without end. */
const MAX_LINE_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/** Puts a prefix before each line of a stream of bytes, and gives whole lines only, so that lines of several never mix. */
export class LinePrefixer {
  readonly #prefix: Buffer
  #rest: Buffer = Buffer.alloc(0)

  constructor(prefix: string) {
    this.#prefix = Buffer.from(prefix)
  }

  /** The lines that are whole by now; empty when there is none. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const pieces: Buffer[] = []
    let from = 0
    for (;;) {
      const end = bytes.indexOf(NEWLINE, from)
      if (end === -1) break
      pieces.push(this.#prefix, bytes.subarray(from, end + 1))
      from = end + 1
    }
    this.#rest = bytes.subarray(from)
    if (this.#rest.length > MAX_LINE_BYTES) pieces.push(this.end())
    return Buffer.concat(pieces)
  }

  /** The last line, when nothing ended it. */
  end(): Buffer {
    const rest = this.#rest
    this.#rest = Buffer.alloc(0)
    return rest.length === 0 ? rest : Buffer.concat([this.#prefix, rest, Buffer.from('\n')])
  }
}
