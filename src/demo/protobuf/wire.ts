/** Protocol buffers as bytes: https://protobuf.dev/programming-guides/encoding/. Reads what is whole, and nothing else. */

/** What is read is no message, or not one of ours. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError'
}

export interface WireField {
  readonly number: number
  /** A varint, or the bytes of a string, of bytes or of a message. */
  readonly value: bigint | Buffer
}

/** The fields of one message, in order. Throws ProtobufError at whatever is cut off or of another wire type. */
export function* wireFields(message: Buffer): Generator<WireField> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at]
      if (byte === undefined) throw new ProtobufError('the message is cut off')
      at += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new ProtobufError('a number has more than ten bytes')
  }
  while (at < message.length) {
    const key = Number(varint())
    const number = Math.floor(key / 8)
    if (number < 1) throw new ProtobufError('a field has no number')
    switch (key % 8) {
      case VARINT:
        yield { number, value: varint() }
        break
      case LENGTH_DELIMITED: {
        const length = Number(varint())
        if (length > message.length - at) throw new ProtobufError('the message is cut off')
        yield { number, value: message.subarray(at, at + length) }
        at += length
        break
      }
      default:
        throw new ProtobufError(`wire type ${key % 8} is not used by Kubernetes`)
    }
  }
}

const VARINT = 0
const LENGTH_DELIMITED = 2
