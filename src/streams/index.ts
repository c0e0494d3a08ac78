/**
 * The streams of exec and attach, whatever protocol carries them: both ends of SPDY/3.1 (`channel.k8s.io` to `v4`) and of
 * WebSocket (`channel.k8s.io` to `v5`, base64 too) as the same few calls, so that any client may meet any API server, and
 * somebody may stand between them.
 *
 * Trusts: nothing that comes. Refuses: messages and streams that are none of the protocol, words above their limits. A session that ends
 * before the API server said how is an error, never a success.
 */
export { StreamError, type StreamErrorCode } from './errors.ts'
export { defaultStreamLimits, type StreamLimits } from './limits.ts'
export {
  openSpdyCommand,
  SPDY_COMMAND_PROTOCOLS,
  type SpdyCommandProtocol,
  serveSpdyCommand,
} from './spdy-command.ts'
export type { CommandEnd, CommandListener, CommandPlan, CommandStream } from './types.ts'
export { openWebSocketCommand, serveWebSocketCommand } from './websocket-command.ts'
export { chooseDialect, V5, type WebSocketDialect } from './websocket-dialect.ts'
