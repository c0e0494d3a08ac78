import { crc32 } from 'node:zlib'
import { MAX_EVENT_BYTES } from './limits.ts'

/**
 * A record of the spool: 4 bytes length of the payload, 4 bytes CRC-32 of it (both big-endian), the payload (JSON).
 *
 *      0        4        8
 *      +--------+--------+----------------+
 *      | length | crc-32 | payload …      |
 *      +--------+--------+----------------+
 */
export const RECORD_HEADER_BYTES = 8

/** Writes a record into `target`, which has room for it, and returns where it ends. */
export function writeRecord(target: Buffer, at: number, payload: Uint8Array): number {
  target.writeUInt32BE(payload.length, at)
  target.writeUInt32BE(crc32(payload), at + 4)
  target.set(payload, at + RECORD_HEADER_BYTES)
  return at + RECORD_HEADER_BYTES + payload.length
}

export interface DecodedRecords {
  readonly payloads: readonly Buffer[]
  /** Where the last whole record ends. */
  readonly goodBytes: number
  /** True when what follows is not a whole record: a write that a crash cut off, or damage. */
  readonly torn: boolean
}

/** The records of a segment up to the first that is not whole and sound. */
export function decodeRecords(bytes: Buffer): DecodedRecords {
  const payloads: Buffer[] = []
  let at = 0
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    const end = at + RECORD_HEADER_BYTES + length
    if (length > MAX_EVENT_BYTES || end > bytes.length) break
    const payload = bytes.subarray(at + RECORD_HEADER_BYTES, end)
    if (crc32(payload) !== bytes.readUInt32BE(at + 4)) break
    payloads.push(payload)
    at = end
  }
  return { payloads, goodBytes: at, torn: at !== bytes.length }
}
