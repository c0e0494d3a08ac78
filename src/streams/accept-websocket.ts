import type { Duplex } from 'node:stream'
import { askedKey, switchedToWebSocket } from '../protocol/index.ts'
import { StreamError } from './errors.ts'
import type { StreamLimits } from './limits.ts'
import { WebSocketLink } from './websocket-link.ts'

/** What asked for a WebSocket, and what it gets. */
export interface AskedWebSocket {
  readonly socket: Duplex
  /** The client's own headers. */
  readonly header: (name: string) => string | null
  /** The subprotocol that was chosen of the client's; null: it named none. */
  readonly protocol: string | null
}

/** Writes the answer that switches protocols. Throws StreamError for a handshake that is none; the client has been told by then. */
export function acceptWebSocket(
  { socket, header, protocol }: AskedWebSocket,
  limits: StreamLimits,
): WebSocketLink {
  const asked = askedKey(header)
  if ('problem' in asked) {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    throw new StreamError('STREAM_MALFORMED', `no WebSocket handshake: ${asked.problem}`)
  }
  socket.write(switchedToWebSocket(asked.key, protocol))
  return new WebSocketLink('server', socket, limits)
}
