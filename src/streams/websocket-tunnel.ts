import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'

/** The subprotocol whose messages are the bytes of a SPDY connection (KEP-4006). */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io'

/** RFC 6455, 7.4.1. */
const CLOSE_UNACCEPTABLE = 1003

/** The bytes of the binary messages of a WebSocket, both ways. */
export function tunnelOf(socket: WebSocket): Duplex {
  // The stream hears the first.
  socket.on('error', () => {})
  socket.on('message', (_data, isBinary) => {
    if (!isBinary) socket.close(CLOSE_UNACCEPTABLE, 'text is none of the protocol')
  })
  const stream = createWebSocketStream(socket)
  // Once everything was read: the library waits for the last byte to leave, of connections that have broken too.
  socket.once('close', () => {
    if (stream.readableEnded) stream.destroy()
    else stream.once('end', () => stream.destroy())
  })
  return stream
}
