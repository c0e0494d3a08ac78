import type { SpdyMeter } from './spdy.ts'

/** Two bytes, eight of a long length, four of a mask. */
const MAX_HEADER_BYTES = 14
/** The bit that tells CLOSE, PING and PONG from what carries messages (RFC 6455, 5.2). */
const CONTROL = 0x08

/**
 * Walks over the frames of a WebSocket (RFC 6455, 5.2) by their headers. Messages count; their control frames do not.
 * With `inner`, messages carry another protocol, and count when that says so.
 */
export class WebSocketMeter {
  readonly #inner: SpdyMeter | null
  readonly #header = new Uint8Array(MAX_HEADER_BYTES)
  #filled = 0
  /** Bytes of the header; known when the first two are there. */
  #wanted = 2
  /** Bytes of the frame's content that are still to come, and that came. */
  #rest = 0
  #done = 0
  #counts = false

  constructor(inner: SpdyMeter | null = null) {
    this.#inner = inner
  }

  push(chunk: Uint8Array): boolean {
    let active = false
    let index = 0
    while (index < chunk.length) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, chunk.length - index)
        if (this.#counts) active = this.#content(chunk, index, taken) || active
        this.#rest -= taken
        this.#done += taken
        index += taken
        continue
      }
      this.#header[this.#filled] = chunk[index] ?? 0
      this.#filled += 1
      index += 1
      if (this.#filled === 2) this.#wanted = 2 + this.#lengthBytes() + (this.#isMasked() ? 4 : 0)
      if (this.#filled === this.#wanted) this.#begin()
    }
    return active
  }

  #content(chunk: Uint8Array, from: number, length: number): boolean {
    if (this.#inner === null) return true
    const mask = this.#isMasked() ? this.#wanted - 4 : null
    const done = this.#done
    return this.#inner.push(length, (index) => {
      const byte = chunk[from + index] ?? 0
      return mask === null ? byte : byte ^ (this.#header[mask + ((done + index) & 3)] ?? 0)
    })
  }

  #begin(): void {
    this.#filled = 0
    this.#done = 0
    this.#rest = this.#length()
    this.#counts = ((this.#header[0] ?? 0) & CONTROL) === 0
  }

  #isMasked(): boolean {
    return ((this.#header[1] ?? 0) & 0x80) !== 0
  }

  #lengthBytes(): number {
    const short = (this.#header[1] ?? 0) & 0x7f
    return short === 127 ? 8 : short === 126 ? 2 : 0
  }

  #length(): number {
    const bytes = this.#lengthBytes()
    if (bytes === 0) return (this.#header[1] ?? 0) & 0x7f
    let length = 0
    for (const byte of this.#header.subarray(2, 2 + bytes)) length = length * 256 + byte
    return length
  }
}
