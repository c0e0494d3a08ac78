import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { keepAlive } from '../client/index.ts'
import { errorMessage, type Logger } from '../core/index.ts'
import type { Origin } from '../gateway/index.ts'
import { MAX_UPGRADE_MESSAGE_BYTES, UPGRADE_PATH, UPGRADE_PROTOCOL } from '../protocol/index.ts'

/** Takes a connection from its ClientHello on, as a port of ours would. */
export type Carry = (stream: Duplex, origin: Origin) => void

export const isCarrierRequest = ({ method, url }: IncomingMessage): boolean =>
  method === 'GET' && url === UPGRADE_PATH

/**
 * Takes the connections that come inside a WebSocket, because TLS ends in front of us: their own TLS ends where it would without
 * us, and nothing is read here. Pages of browsers are refused, since nothing of theirs has business with it.
 */
export function createCarrier(
  carry: Carry,
  log: Logger,
): (request: IncomingMessage, socket: Duplex, head: Buffer, origin: Origin) => void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_UPGRADE_MESSAGE_BYTES,
    handleProtocols: () => UPGRADE_PROTOCOL,
  })
  return (request, socket, head, origin) => {
    socket.on('error', (error) => log.debug({ error: errorMessage(error) }, 'a carrier failed'))
    const refused = refusalOf(request)
    if (refused !== null) {
      socket.end(
        `HTTP/1.1 ${refused}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
        () => void socket.destroy(),
      )
      return
    }
    server.handleUpgrade(request, socket, head, (carrier) => {
      keepAlive(carrier)
      carry(createWebSocketStream(carrier), origin)
    })
  }
}

function refusalOf({ headers }: IncomingMessage): string | null {
  if (headers.origin !== undefined) return '403 Forbidden'
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return offered.includes(UPGRADE_PROTOCOL) ? null : '400 Bad Request'
}
