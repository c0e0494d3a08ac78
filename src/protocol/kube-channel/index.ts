/**
 * What exec and attach say inside their streams: the bytes of `v4.channel.k8s.io` and `v5.channel.k8s.io` over WebSocket
 * (apimachinery/pkg/util/remotecommand, KEP-4006), and the Status and terminal sizes that SPDY's streams carry too.
 * WebSocket framing itself is not here.
 */
export {
  type Channel,
  type ChannelMessage,
  type ChannelProtocol,
  channelOf,
  channelProtocols,
  channels,
  chooseChannelProtocol,
  formatChannelClose,
  formatChannelMessage,
  parseChannelMessage,
} from './channel.ts'
export { type ExitStatus, formatExitStatus, parseExitStatus } from './exit-status.ts'
export { formatTerminalSize, parseTerminalSize, type TerminalSize } from './terminal-size.ts'
