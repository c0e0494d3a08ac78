import { X509Error } from './errors.ts'
import { MAX_OID_BYTES } from './limits.ts'

/** One value of DER (ITU-T X.690). */
export interface DerValue {
  readonly tag: number
  readonly content: Uint8Array
  /** Tag, length and content: what is signed, hashed or copied into another certificate. */
  readonly raw: Uint8Array
}

/** Reads values one behind the other. Every method throws X509Error X509_MALFORMED where DER ends or is not strict. */
export class DerReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  /** The tag of the next value; null at the end. */
  peek(): number | null {
    return this.#bytes[this.#at] ?? null
  }

  next(): DerValue {
    const from = this.#at
    const tag = this.#byte()
    if ((tag & 0x1f) === 0x1f) throw malformed('a tag of several bytes')
    const length = this.#length()
    if (length > this.#bytes.length - this.#at) throw malformed('a value is cut short')
    const content = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return { tag, content, raw: this.#bytes.subarray(from, this.#at) }
  }

  expect(tag: number): DerValue {
    const value = this.next()
    if (value.tag !== tag) throw malformed(`tag ${value.tag} where ${tag} belongs`)
    return value
  }

  /** A reader of the next value's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.expect(tag).content)
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.done) throw malformed('bytes behind a value')
  }

  #byte(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw malformed('a value is cut short')
    this.#at += 1
    return byte
  }

  /** Definite and shortest (X.690, 10.1); three bytes of length are more than any certificate we take. */
  #length(): number {
    const first = this.#byte()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > 3) throw malformed('a length that DER does not have')
    let length = 0
    for (let index = 0; index < count; index += 1) length = length * 256 + this.#byte()
    if (length < 0x80 || length < 256 ** (count - 1))
      throw malformed('a length that is not shortest')
    return length
  }
}

/** `1.2.840…` from the content of an OBJECT IDENTIFIER (X.690, 8.19); arcs of any size. */
export function readOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > MAX_OID_BYTES)
    throw malformed('the length of an OID')
  const arcs: bigint[] = []
  let arc = 0n
  let fresh = true
  for (const byte of content) {
    if (fresh && byte === 0x80) throw malformed('an OID that is not shortest')
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    fresh = byte < 0x80
    if (!fresh) continue
    arcs.push(arc)
    arc = 0n
  }
  if (!fresh) throw malformed('an OID is cut short')
  const [head = 0n, ...rest] = arcs
  const first = head < 80n ? head / 40n : 2n
  return [first, head - first * 40n, ...rest].join('.')
}

export const malformed = (what: string): X509Error =>
  new X509Error('X509_MALFORMED', `not a certificate in DER: ${what}`)
