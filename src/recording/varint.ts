/** LEB128 of 53 bits: seven bits to a byte, the lowest first, the highest bit says that more follow. */
export function varint(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${value} is not a whole number from 0 to 2^53-1`)
  }
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** 'short': more bytes are needed. 'malformed': more than 53 bits, or a longer form than is needed. */
export function readVarint(
  bytes: Buffer,
  at: number,
): { readonly value: number; readonly next: number } | 'short' | 'malformed' {
  let value = 0
  let scale = 1
  for (let index = at; index < at + MAX_VARINT_BYTES; index += 1) {
    const byte = bytes[index]
    if (byte === undefined) return 'short'
    value += (byte & 0x7f) * scale
    if (value > Number.MAX_SAFE_INTEGER) return 'malformed'
    if (byte < 128) return byte === 0 && index > at ? 'malformed' : { value, next: index + 1 }
    scale *= 128
  }
  return 'malformed'
}

const MAX_VARINT_BYTES = 8
