/**
 * The streams of exec, attach and port-forward, whatever protocol carries them: both ends of SPDY/3.1 (`channel.k8s.io` to `v4`,
 * `portforward.k8s.io`), of WebSocket (`channel.k8s.io` to `v5`, base64 too) and of SPDY in a WebSocket as the same few calls, so
 * that any client may meet any API server, and somebody may stand between them.
 *
 * Trusts: nothing that comes. Refuses: messages and streams that are none of the protocol, words above their limits. A session that ends
 * before the API server said how is an error, never a success.
 */

export { acceptWebSocket } from './accept-websocket.ts'
export { StreamError, type StreamErrorCode } from './errors.ts'
export { portOf } from './forward-headers.ts'
export type { ForwardEnd, ForwardListener } from './forward-types.ts'
export { GrowingBytes } from './growing-bytes.ts'
export { hearOut } from './hear-out.ts'
export { defaultStreamLimits, type StreamLimits } from './limits.ts'
export {
  openSpdyCommand,
  SPDY_COMMAND_PROTOCOLS,
  type SpdyCommandProtocol,
  serveSpdyCommand,
} from './spdy-command.ts'
export { openSpdyForward } from './spdy-forward-client.ts'
export { SPDY_FORWARD_PROTOCOL, serveSpdyForward } from './spdy-forward-server.ts'
export type { CommandEnd, CommandListener, CommandPlan, CommandStream } from './types.ts'
export { openWebSocketCommand, serveWebSocketCommand } from './websocket-command.ts'
export { chooseDialect, V5, type WebSocketDialect } from './websocket-dialect.ts'
export {
  chooseForwardDialect,
  type ForwardDialect,
  serveWebSocketForward,
} from './websocket-forward.ts'
export { WebSocketLink } from './websocket-link.ts'
export { TUNNEL_PROTOCOL, tunnelOf } from './websocket-tunnel.ts'
