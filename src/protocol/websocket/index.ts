/**
 * WebSocket frames (RFC 6455), without extensions: messages come out in the pieces in which their bytes came, and go into memory that
 * the caller has, so that nothing is put together that is taken apart again behind it.
 *
 * Trusts: nothing that comes. Refuses: what the RFC forbids (bits, opcodes, masks, cuts, close codes), and messages above their limit.
 */
export { WebSocketDecoder, type WebSocketEvent } from './decode.ts'
export { closeContent, encodeFrame, frameHeadBytes, sealFrame } from './encode.ts'
export { WebSocketError, type WebSocketErrorCode } from './errors.ts'
export type { WebSocketRole } from './frame.ts'
export { acceptOf, askedKey, switchedToWebSocket, WEBSOCKET_VERSION } from './handshake.ts'
