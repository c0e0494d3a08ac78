import type { Writable } from 'node:stream'
import { BufferPool } from '../core/index.ts'

/** What comes at once from the API server: a TLS record (RFC 8446, 5.1). */
const PIECE_BYTES = 16 * 1024
/** 4 MB stay for the next large answers. */
const pool = new BufferPool(PIECE_BYTES, 256)
/** Less is not worth a piece that a client who does not read may hold for hours. */
const MIN_PIECE_BYTES = 4 * 1024

/** Writes a copy. False: wait for `drain`. */
export function writeCopy(to: Writable, chunk: Buffer): boolean {
  if (chunk.length < MIN_PIECE_BYTES) return to.write(Buffer.from(chunk))
  let more = true
  for (let from = 0; from < chunk.length; from += PIECE_BYTES) {
    const piece = pool.take()
    const length = chunk.copy(piece, 0, from)
    more = to.write(piece.subarray(0, length), () => pool.give(piece))
  }
  return more
}
