import { SpdyError } from './errors.ts'

/** RFC 1951, 3.2.5: what length and distance codes begin with, and how many more bits they take. */
const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
] as const
const LENGTH_EXTRA = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
] as const
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12_289, 16_385, 24_577,
] as const
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
] as const
/** 3.2.7: the order in which the lengths of the length code stand. */
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] as const

const WINDOW_BYTES = 32_768
/** Above it the output is cut to the window. */
const KEPT_BYTES = 48 * 1024
const MAX_CODE_BITS = 15
const END_OF_BLOCK = 256
/** Of one piece: packers make one, and the empty one of the flush. Each may bring codes that take longer to read than what they stand for. */
const MAX_BLOCKS = 4

/**
 * Unpacks the pieces of one DEFLATE stream (RFC 1951), each ended by a sync flush as SPDY's header blocks are: whole blocks, up
 * to a byte's end. Node's zlib has no synchronous form that keeps its state between pieces; this one is small, and never
 * makes more than `maxBytes` of a piece. What a piece costs follows from its own bytes, not from those before.
 */
export class Inflate {
  readonly #output: Output

  constructor(dictionary: Uint8Array) {
    this.#output = new Output(dictionary.subarray(-WINDOW_BYTES))
  }

  /** Throws SpdyError SPDY_HEADERS_MALFORMED or SPDY_HEADERS_TOO_LARGE; the stream is of no use after it. */
  piece(packed: Uint8Array, maxBytes: number): Buffer {
    const bits = new BitReader(packed)
    const output = this.#output
    output.begin(maxBytes)
    for (let blocks = 1; !bits.atEnd; blocks += 1) {
      if (blocks > MAX_BLOCKS) throw malformed('the compressed headers are in too many blocks')
      // A last block would end the stream, and every header after it.
      if (bits.take(1) === 1) throw malformed('the compressed headers end for good')
      inflateBlock(bits, output)
    }
    return output.unpacked()
  }
}

function inflateBlock(bits: BitReader, output: Output): void {
  switch (bits.take(2)) {
    case 0:
      copyStored(bits, output)
      return
    case 1:
      inflateCodes(bits, output, FIXED_LITERALS, FIXED_DISTANCES)
      return
    case 2: {
      const { literals, distances } = readCodes(bits)
      inflateCodes(bits, output, literals, distances)
      return
    }
    default:
      throw malformed('a compressed block is of no known kind')
  }
}

function copyStored(bits: BitReader, output: Output): void {
  bits.alignToByte()
  const length = bits.take(16)
  if (length !== (~bits.take(16) & 0xffff)) throw malformed('a stored block has a wrong length')
  output.append(bits.bytes(length))
}

function inflateCodes(
  bits: BitReader,
  output: Output,
  literals: Huffman,
  distances: Huffman,
): void {
  for (;;) {
    const symbol = literals.next(bits)
    if (symbol === END_OF_BLOCK) return
    if (symbol < END_OF_BLOCK) {
      output.push(symbol)
      continue
    }
    const length = withExtra(bits, LENGTH_BASE, LENGTH_EXTRA, symbol - END_OF_BLOCK - 1)
    const distance = withExtra(bits, DISTANCE_BASE, DISTANCE_EXTRA, distances.next(bits))
    output.repeat(distance, length)
  }
}

function withExtra(
  bits: BitReader,
  base: readonly number[],
  extra: readonly number[],
  code: number,
): number {
  const from = base[code]
  if (from === undefined) throw malformed('a compressed code is not in use')
  return from + bits.take(extra[code] ?? 0)
}

/** 3.2.7: the codes of a block, themselves packed by a code. */
function readCodes(bits: BitReader): { literals: Huffman; distances: Huffman } {
  const literalCount = bits.take(5) + 257
  const distanceCount = bits.take(5) + 1
  const lengthCount = bits.take(4) + 4
  const lengths = new Array<number>(CODE_ORDER.length).fill(0)
  for (const place of CODE_ORDER.slice(0, lengthCount)) lengths[place] = bits.take(3)
  const code = new Huffman(lengths)
  const all: number[] = []
  while (all.length < literalCount + distanceCount) {
    const symbol = code.next(bits)
    if (symbol < 16) all.push(symbol)
    else all.push(...repeated(bits, symbol, all.at(-1)))
  }
  if (all.length > literalCount + distanceCount) throw malformed('a code has too many lengths')
  return {
    literals: new Huffman(all.slice(0, literalCount)),
    distances: new Huffman(all.slice(literalCount)),
  }
}

function repeated(bits: BitReader, symbol: number, last: number | undefined): number[] {
  if (symbol === 16) {
    if (last === undefined) throw malformed('a code repeats what is not there')
    return new Array<number>(3 + bits.take(2)).fill(last)
  }
  return new Array<number>(symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)).fill(0)
}

/** A canonical prefix code (3.2.2): so many codes of each length, and their symbols in order. */
class Huffman {
  readonly #counts = new Array<number>(MAX_CODE_BITS + 1).fill(0)
  readonly #symbols: number[]

  constructor(lengths: readonly number[]) {
    for (const length of lengths) this.#counts[length] = (this.#counts[length] ?? 0) + 1
    this.#counts[0] = 0
    let left = 1
    for (const count of this.#counts.slice(1)) {
      left = left * 2 - count
      if (left < 0) throw malformed('a code has more words than fit')
    }
    const next = [0]
    for (const count of this.#counts) next.push((next.at(-1) ?? 0) + count)
    this.#symbols = new Array<number>(next.at(-1) ?? 0).fill(0)
    for (const [symbol, length] of lengths.entries()) {
      if (length === 0) continue
      const place = next[length] ?? 0
      this.#symbols[place] = symbol
      next[length] = place + 1
    }
  }

  next(bits: BitReader): number {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= MAX_CODE_BITS; length += 1) {
      code |= bits.take(1)
      const count = this.#counts[length] ?? 0
      if (code - count < first) {
        const symbol = this.#symbols[index + (code - first)]
        if (symbol === undefined) break
        return symbol
      }
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw malformed('a compressed code is not in use')
  }
}

/** 3.2.6. */
const FIXED_LITERALS = new Huffman([
  ...new Array<number>(144).fill(8),
  ...new Array<number>(112).fill(9),
  ...new Array<number>(24).fill(7),
  ...new Array<number>(8).fill(8),
])
const FIXED_DISTANCES = new Huffman(new Array<number>(30).fill(5))

/** Bits from the lowest of each byte on (3.1.1). */
class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #bit = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Nothing is left, and no byte is begun. */
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  take(count: number): number {
    let value = 0
    for (let index = 0; index < count; index += 1) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw malformed('the compressed headers are cut short')
      value |= ((byte >> this.#bit) & 1) << index
      this.#bit += 1
      if (this.#bit === 8) {
        this.#bit = 0
        this.#at += 1
      }
    }
    return value
  }

  alignToByte(): void {
    if (this.#bit === 0) return
    this.#bit = 0
    this.#at += 1
  }

  bytes(count: number): Uint8Array {
    const end = this.#at + count
    if (end > this.#bytes.length) throw malformed('the compressed headers are cut short')
    const view = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return view
  }
}

/** What distances may reach back into, and behind it what this piece became. */
class Output {
  #maxBytes = 0
  #start = 0
  #bytes: Buffer
  #length: number

  constructor(dictionary: Uint8Array) {
    this.#bytes = Buffer.from(dictionary)
    this.#length = dictionary.length
  }

  /** A piece of at most so many bytes. What no distance reaches is let go, in large steps. */
  begin(maxBytes: number): void {
    this.#maxBytes = maxBytes
    if (this.#length > KEPT_BYTES) {
      this.#bytes.copyWithin(0, this.#length - WINDOW_BYTES, this.#length)
      this.#length = WINDOW_BYTES
    }
    this.#start = this.#length
  }

  push(byte: number): void {
    this.#reserve(1)
    this.#bytes[this.#length] = byte
    this.#length += 1
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  repeat(distance: number, length: number): void {
    if (distance > this.#length) throw malformed('a distance reaches back too far')
    this.#reserve(length)
    for (let index = 0; index < length; index += 1) {
      this.#bytes[this.#length] = this.#bytes[this.#length - distance] ?? 0
      this.#length += 1
    }
  }

  unpacked(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#start, this.#length))
  }

  /** Judges before it grows. */
  #reserve(count: number): void {
    const wanted = this.#length + count
    if (wanted - this.#start > this.#maxBytes) {
      throw new SpdyError('SPDY_HEADERS_TOO_LARGE', `headers of more than ${this.#maxBytes} bytes`)
    }
    if (wanted <= this.#bytes.length) return
    const grown = Buffer.alloc(Math.max(wanted, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

const malformed = (why: string): SpdyError => new SpdyError('SPDY_HEADERS_MALFORMED', why)
