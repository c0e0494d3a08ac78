/**
 * protocol is the wire codecs, pure functions over bytes: the ClientHello (RFC 8446, 6066, 7301), the PROXY protocol
 * (versions 1 and 2), the preamble of connections that agents dial back, the opaque server names by which clusters are reached, who is active on an upgraded connection, and what
 * exec, attach and port-forward speak: SPDY/3.1 (spdy/), WebSocket (websocket/) and the channels of Kubernetes over it (kube-channel/).
 *
 * Trusts: nothing. Refuses: what two readers could understand differently, at the earliest byte, and never allocates by a
 * number that the peer chose. Test: vectors of real clients, any split of the bytes, mutation.
 */
export { type ActivityMeter, activityMeter } from './activity/meter.ts'
export { PROXIED_ALPN, TUNNEL_ALPN } from './alpn.ts'
export { type AlertName, tlsAlert } from './client-hello/alert.ts'
export {
  type ClientHello,
  MAX_CLIENT_HELLO_BYTES,
  type ParsedClientHello,
  parseClientHello,
} from './client-hello/parse.ts'
export {
  DIAL_BACK_BYTE,
  DIAL_BACK_TICKET_BYTES,
  type DialBackTicket,
  formatDialBack,
  parseDialBack,
  ticketOf,
} from './dial-back/preamble.ts'
export { ProtocolError, type ProtocolErrorCode } from './errors.ts'
export { KeptBytes } from './kept-bytes.ts'
export {
  type Channel,
  type ChannelMessage,
  type ChannelProtocol,
  channelOf,
  channelProtocols,
  channels,
  chooseChannelProtocol,
  type ExitStatus,
  formatChannelClose,
  formatChannelMessage,
  formatExitStatus,
  formatTerminalSize,
  parseChannelMessage,
  parseExitStatus,
  parseTerminalSize,
  type TerminalSize,
} from './kube-channel/index.ts'
export { formatProxyHeader } from './proxy-protocol/format.ts'
export {
  MAX_PROXY_HEADER_BYTES,
  type ParsedProxyHeader,
  type ProxySource,
  parseProxyHeader,
} from './proxy-protocol/parse.ts'
export {
  ANY_AUTH_SERVER_NAME,
  authServerName,
  isKubeServerName,
  kubeServerName,
  proxyServerName,
  SERVER_NAME_SUFFIX,
} from './server-name/server-name.ts'
export { belowServerPath, kubeServerPath } from './server-name/server-path.ts'
export {
  defaultSpdyLimits,
  type HeaderBlock,
  headerOf,
  type ResetStatus,
  type SessionEvent,
  SpdyError,
  type SpdyErrorCode,
  type SpdyLimits,
  SpdySession,
} from './spdy/index.ts'
export { MAX_UPGRADE_MESSAGE_BYTES, UPGRADE_PATH, UPGRADE_PROTOCOL } from './upgrade.ts'
export {
  acceptOf,
  askedKey,
  closeContent,
  encodeFrame,
  frameHeadBytes,
  sealFrame,
  switchedToWebSocket,
  WEBSOCKET_VERSION,
  WebSocketDecoder,
  WebSocketError,
  type WebSocketErrorCode,
  type WebSocketEvent,
  type WebSocketRole,
} from './websocket/index.ts'
