const HEADER_BYTES = 8

/** Control frames that programs send by themselves (SPDY/3.1 draft, 2.6): SYN_REPLY, SETTINGS, PING, WINDOW_UPDATE. */
const AUTOMATIC: ReadonlySet<number> = new Set([2, 4, 6, 9])

/**
 * Walks over the frames of SPDY/3.1 by their headers:
 *
 *      +-+---------------+---------------+      +-+-------------------------------+
 *      |1| version (15)  |   type (16)   |      |0|         stream id (31)        |
 *      +-+-----+---------+---------------+      +-+-----+-------------------------+
 *      | flags |       length (24)       |      | flags |       length (24)       |
 *      +-------+-------------------------+      +-------+-------------------------+
 */
export class SpdyMeter {
  readonly #header = new Uint8Array(HEADER_BYTES)
  #filled = 0
  /** Bytes of the frame's content that are still to come. */
  #rest = 0
  #counts = false

  /** Takes `length` bytes, of which it asks for few: `at` gives one of them. */
  push(length: number, at: (index: number) => number): boolean {
    let active = false
    let index = 0
    while (index < length) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, length - index)
        this.#rest -= taken
        index += taken
        active ||= this.#counts
        continue
      }
      this.#header[this.#filled] = at(index)
      this.#filled += 1
      index += 1
      if (this.#filled === HEADER_BYTES) active = this.#begin() || active
    }
    return active
  }

  #begin(): boolean {
    const [first = 0, , typeHigh = 0, typeLow = 0, , high = 0, middle = 0, low = 0] = this.#header
    const isControl = (first & 0x80) !== 0
    this.#filled = 0
    this.#rest = (high << 16) | (middle << 8) | low
    this.#counts = !(isControl && AUTOMATIC.has((typeHigh << 8) | typeLow))
    return this.#counts
  }
}
