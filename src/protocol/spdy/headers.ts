import { SPDY_DICTIONARY, SPDY_DICTIONARY_ID } from './dictionary.ts'
import { SpdyError } from './errors.ts'
import type { HeaderBlock } from './frame.ts'
import { Inflate } from './inflate.ts'
import type { SpdyLimits } from './limits.ts'

/** RFC 1950: DEFLATE with a 32 KiB window, and a dictionary. The five check bits make it a multiple of 31. */
const ZLIB_HEAD = Buffer.from([0x78, 0x20])
const ZLIB_HEAD_BYTES = 6
const MAX_STORED_BYTES = 0xffff
/** A stored block without bytes: Go's reader gives out what it has when it comes, as with any sync flush. */
const SYNC_FLUSH = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff])

/**
 * Writes the name/value blocks of one direction (draft 3.1, 2.6.10). They are part of one zlib stream; it is written
 * without compression, since a session has five small blocks, and state that cannot be wrong is worth more than their bytes.
 */
export class HeaderEncoder {
  #begun = false

  encode(headers: HeaderBlock): Buffer {
    const plain = writeBlock(headers)
    const parts: Buffer[] = []
    if (!this.#begun) {
      const id = Buffer.alloc(4)
      id.writeUInt32BE(SPDY_DICTIONARY_ID)
      parts.push(ZLIB_HEAD, id)
      this.#begun = true
    }
    for (let at = 0; at < plain.length; at += MAX_STORED_BYTES) {
      parts.push(storedBlock(plain.subarray(at, at + MAX_STORED_BYTES)))
    }
    return Buffer.concat([...parts, SYNC_FLUSH])
  }
}

function storedBlock(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(~bytes.length & 0xffff, 3)
  return Buffer.concat([head, bytes])
}

/** Reads the blocks of the other direction, in the order in which they came. */
export class HeaderDecoder {
  readonly #limits: SpdyLimits
  readonly #most: number
  /** Bytes that are still read of this connection. */
  #left: number
  #inflate: Inflate | null = null

  constructor(limits: SpdyLimits) {
    this.#limits = limits
    this.#left = limits.maxConnectionHeaderBytes
    this.#most = this.#left + limits.maxStreams * limits.streamHeaderBytes
  }

  /** For a stream that is opened: so much more is read. What all streams together may need at once is saved, not more. */
  streamOpened(): void {
    this.#left = Math.min(this.#left + this.#limits.streamHeaderBytes, this.#most)
  }

  /** Throws SpdyError SPDY_HEADERS_MALFORMED or SPDY_HEADERS_TOO_LARGE. After that no block can be read any more. */
  decode(packed: Buffer): HeaderBlock {
    this.#spend(packed.length)
    let rest = packed
    if (this.#inflate === null) {
      judgeZlibHead(packed)
      rest = packed.subarray(ZLIB_HEAD_BYTES)
      this.#inflate = new Inflate(SPDY_DICTIONARY)
    }
    const most = Math.min(this.#limits.maxHeaderBytes, this.#left)
    const plain = this.#inflate.piece(rest, most)
    this.#spend(plain.length)
    return readBlock(plain, this.#limits)
  }

  #spend(bytes: number): void {
    if (bytes > this.#left) {
      throw new SpdyError(
        'SPDY_HEADERS_TOO_LARGE',
        'more bytes of headers than the streams of a connection can need',
      )
    }
    this.#left -= bytes
  }
}

function judgeZlibHead(packed: Buffer): void {
  if (packed.length < ZLIB_HEAD_BYTES) throw malformed('the headers are cut short')
  const method = packed.readUInt8(0) & 0x0f
  const hasDictionary = (packed.readUInt8(1) & 0x20) !== 0
  if (method !== 8 || packed.readUInt16BE(0) % 31 !== 0) throw malformed('the headers are not zlib')
  if (!hasDictionary || packed.readUInt32BE(2) !== SPDY_DICTIONARY_ID) {
    throw malformed("the headers are packed without SPDY's dictionary")
  }
}

function writeBlock(headers: HeaderBlock): Buffer {
  const parts = [uint32(headers.length)]
  for (const [name, value] of headers) {
    for (const text of [name, value]) {
      const bytes = Buffer.from(text, 'utf8')
      parts.push(uint32(bytes.length), bytes)
    }
  }
  return Buffer.concat(parts)
}

function readBlock(plain: Buffer, { maxHeaders }: SpdyLimits): HeaderBlock {
  let at = 0
  const number = (): number => {
    if (plain.length - at < 4) throw malformed('the headers are cut short')
    at += 4
    return plain.readUInt32BE(at - 4)
  }
  const text = (): Buffer => {
    const length = number()
    if (length > plain.length - at) throw malformed('the headers are cut short')
    at += length
    return plain.subarray(at - length, at)
  }
  const count = number()
  if (count > maxHeaders) {
    throw new SpdyError('SPDY_HEADERS_TOO_LARGE', `${count} headers, more than ${maxHeaders}`)
  }
  const headers: (readonly [string, string])[] = []
  const seen = new Set<string>()
  for (let index = 0; index < count; index += 1) {
    const name = text().toString('utf8').toLowerCase()
    const value = firstOf(text()).toString('utf8')
    if (name === '' || seen.has(name)) throw malformed('a header has no name of its own')
    seen.add(name)
    headers.push([name, value])
  }
  if (at !== plain.length) throw malformed('bytes follow the headers')
  return headers
}

/** Values are separated by NUL (2.6.10). Nobody here needs a second one, and a few bytes can become thousands of them. */
function firstOf(values: Buffer): Buffer {
  const end = values.indexOf(0)
  return end < 0 ? values : values.subarray(0, end)
}

/** The value of a header, or null. */
export const headerOf = (headers: HeaderBlock, name: string): string | null =>
  headers.find(([candidate]) => candidate === name)?.[1] ?? null

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const malformed = (why: string): SpdyError => new SpdyError('SPDY_HEADERS_MALFORMED', why)
