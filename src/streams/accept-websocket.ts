import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { StreamError } from './errors.ts'
import type { StreamLimits } from './limits.ts'

/** What asked for a WebSocket, and what it gets. */
export interface AskedWebSocket {
  readonly socket: Duplex
  readonly head: Buffer
  /** The client's own headers. */
  readonly header: (name: string) => string | null
  /** The subprotocol that was chosen of the client's; null: it named none. */
  readonly protocol: string | null
}

/** `sec-websocket-protocol` is not among them: the library judges its form, and the tunnel's name has a `/` in it. */
const HANDSHAKE_HEADERS = ['upgrade', 'sec-websocket-key', 'sec-websocket-version'] as const

/** Writes the answer that switches protocols. Rejects with StreamError for a handshake that is none; the client has been told by then. */
export function acceptWebSocket(
  { socket, head, header, protocol }: AskedWebSocket,
  limits: Pick<StreamLimits, 'maxMessageBytes' | 'maxMessagePieces' | 'maxMessageFragments'>,
): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    maxBufferedChunks: limits.maxMessagePieces,
    maxFragments: limits.maxMessageFragments,
  })
  if (protocol !== null) {
    server.once('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  }
  // All that the handshake reads of a request.
  const request = new IncomingMessage(new Socket())
  request.method = 'GET'
  for (const name of HANDSHAKE_HEADERS) {
    const value = header(name)
    if (value !== null) request.headers[name] = value
  }
  return new Promise((resolve, reject) => {
    server.once('wsClientError', (error, _socket) => {
      socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      reject(new StreamError('STREAM_MALFORMED', `no WebSocket handshake: ${error.message}`))
    })
    server.handleUpgrade(request, socket, head, resolve)
  })
}
