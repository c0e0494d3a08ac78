import {
  FIN,
  LENGTH_16,
  LENGTH_64,
  MASK_BYTES,
  MASKED,
  MAX_CONTROL_BYTES,
  type Opcode,
  opcodes,
} from './frame.ts'
import { mask } from './mask.ts'

/** Bytes in front of so many of a frame's content. */
export const frameHeadBytes = (length: number, isMasked: boolean): number =>
  2 + (length < LENGTH_16 ? 0 : length <= 0xffff ? 2 : 8) + (isMasked ? MASK_BYTES : 0)

/**
 * Makes a frame of a whole message in memory that holds its content already, `frameHeadBytes` behind the beginning: writes the head
 * in front of it, and masks the content where there is a key (4 bytes that nobody can foresee: RFC 6455, 5.3).
 *
 *     |1|0 0 0| opcode (4) |M| length (7) | longer length (0, 16, 64) | mask (0, 32) | content ...
 */
export function sealFrame(
  frame: Buffer,
  opcode: Exclude<Opcode, 'continuation'>,
  key: Uint8Array | null,
): void {
  const masked = key === null ? 0 : MASKED
  const keyBytes = key === null ? 0 : MASK_BYTES
  frame[0] = FIN | opcodes[opcode]
  let at = 2
  const shortest = frame.length - 2 - keyBytes
  if (shortest < LENGTH_16) frame[1] = masked | shortest
  else if (shortest - 2 <= 0xffff) {
    frame[1] = masked | LENGTH_16
    at = frame.writeUInt16BE(shortest - 2, at)
  } else {
    frame[1] = masked | LENGTH_64
    at = frame.writeUInt32BE(0, at)
    at = frame.writeUInt32BE(shortest - 8, at)
  }
  if (key === null) return
  frame.set(key, at)
  mask(frame.subarray(at + MASK_BYTES), key, 0)
}

/** A frame of its own memory. */
export function encodeFrame(
  opcode: Exclude<Opcode, 'continuation'>,
  content: Uint8Array,
  key: Uint8Array | null,
): Buffer {
  const head = frameHeadBytes(content.length, key !== null)
  const frame = Buffer.allocUnsafe(head + content.length)
  frame.set(content, head)
  sealFrame(frame, opcode, key)
  return frame
}

/** The content of a close frame; words that are too long are cut where a character ends. */
export function closeContent(code: number, reason = ''): Buffer {
  let words = reason
  while (Buffer.byteLength(words, 'utf8') > MAX_CONTROL_BYTES - 2) words = words.slice(0, -1)
  const content = Buffer.alloc(2 + Buffer.byteLength(words.toWellFormed(), 'utf8'))
  content.writeUInt16BE(code, 0)
  content.write(words.toWellFormed(), 2, 'utf8')
  return content
}
