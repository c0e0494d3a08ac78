import { derTag } from './der-tags.ts'

/** DER (ITU-T X.690) of one value; `parts` are its content, one behind the other. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content])
}

export const derSequence = (...parts: readonly Uint8Array[]): Buffer =>
  der(derTag.sequence, ...parts)

/** An INTEGER of big-endian bytes that are already positive and shortest. */
export const derInteger = (...bytes: readonly number[]): Buffer =>
  der(derTag.integer, Buffer.from(bytes))

export const derTrue: Buffer = der(derTag.boolean, Buffer.from([0xff]))

/** A BIT STRING of whole bytes, or with `unusedBits` at the end of the last one. */
export const derBitString = (bits: Uint8Array, unusedBits = 0): Buffer =>
  der(derTag.bitString, Buffer.from([unusedBits]), bits)

/** An OBJECT IDENTIFIER (X.690, 8.19) of its dotted text; arcs of any size. Throws TypeError for other text. */
export function derOid(text: string): Buffer {
  if (!/^[012](\.(0|[1-9]\d*))+$/.test(text)) throw new TypeError('"text" is not an OID')
  const [first = 0n, second = 0n, ...rest] = text.split('.').map(BigInt)
  if (first < 2n && second >= 40n) throw new TypeError('"text" is not an OID')
  return der(derTag.oid, Buffer.from([first * 40n + second, ...rest].flatMap(base128)))
}

/** Time as RFC 5280, 4.1.2.5 wants it: UTCTime up to 2049, GeneralizedTime from 2050; whole seconds. */
export function derTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')
  return digits < '2050'
    ? der(derTag.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : der(derTag.generalizedTime, Buffer.from(`${digits}Z`))
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 | bytes.length, ...bytes]
}

function base128(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80)
  return bytes
}
