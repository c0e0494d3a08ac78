/** What a frame is about (RFC 6455, 5.2). */
export const opcodes = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const
export type Opcode = keyof typeof opcodes

/** Who sends: what a client sends is masked, what a server sends is not (5.1). */
export type WebSocketRole = 'client' | 'server'

export const FIN = 0x80
export const RESERVED = 0x70
export const OPCODE = 0x0f
/** The bit of opcodes that tells CLOSE, PING and PONG from what carries messages. */
export const CONTROL = 0x08
export const MASKED = 0x80
export const LENGTH = 0x7f
export const LENGTH_16 = 126
export const LENGTH_64 = 127
export const MASK_BYTES = 4
/** Two bytes, eight of a long length, four of a mask. */
export const MAX_HEAD_BYTES = 14
/** 5.5: control frames are not larger, and not cut. */
export const MAX_CONTROL_BYTES = 125

/** 7.4: codes that may stand in a close frame. */
export const isCloseCode = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
  (code >= 3000 && code <= 4999)
