/** Reads big-endian numbers and slices; every read past the end gives null, and nothing is allocated by a peer's number. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get rest(): number {
    return this.#bytes.length - this.#at
  }

  /** An unsigned number of 1 to 4 bytes. */
  number(bytes: 1 | 2 | 3 | 4): number | null {
    if (this.rest < bytes) return null
    const value = this.#bytes.readUIntBE(this.#at, bytes)
    this.#at += bytes
    return value
  }

  /** A view of the next bytes. */
  slice(length: number): Buffer | null {
    if (this.rest < length) return null
    const view = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return view
  }

  /** A vector with a length before it (RFC 8446, 3.4). */
  vector(lengthBytes: 1 | 2): Buffer | null {
    const length = this.number(lengthBytes)
    return length === null ? null : this.slice(length)
  }
}
