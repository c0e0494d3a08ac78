/** RFC 9113, 4.1. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal header field without indexing (RFC 7541, 6.2.2), of 127 bytes at most. */
export const literal = (name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.from([0, name.length & 0x7f]),
    Buffer.from(name.slice(0, 0x7f), 'latin1'),
    Buffer.from([value.length & 0x7f]),
    Buffer.from(value.slice(0, 0x7f), 'latin1'),
  ])
