import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { destroyLater } from './linger.ts'

interface Use {
  /** That are not sent yet. */
  answers: number
  /** Bytes that had come when the last one was sent. */
  bytesRead: number
}

/**
 * Makes `closeIdleConnections` of an HTTP/1.1 server end our half of the connections without a request, and leave the other half for a moment. Node
 * breaks them off, as soon as their answers were ended: what is not sent yet is thrown away, and so is what a reader has still to get through a tunnel.
 */
export function endIdleConnections(server: Server): void {
  /** Those on which a request has come; of the others one is expected. */
  const uses = new Map<Socket, Use>()
  const entryOf = (socket: Socket): Use => {
    const known = uses.get(socket)
    if (known !== undefined) return known
    const use = { answers: 0, bytesRead: 0 }
    uses.set(socket, use)
    socket.once('close', () => uses.delete(socket))
    return use
  }
  const note = ({ socket }: IncomingMessage, response: ServerResponse): void => {
    if (socket.destroyed) return
    const use = entryOf(socket)
    use.answers += 1
    response.once('close', () => {
      use.answers -= 1
      use.bytesRead = socket.bytesRead
    })
  }
  server.on('request', note)
  server.on('checkExpectation', note)
  server.closeIdleConnections = () => {
    for (const [socket, { answers, bytesRead }] of uses) {
      // What has come since is the beginning of a request, or of another protocol.
      if (answers > 0 || socket.bytesRead !== bytesRead || socket.writableEnded) continue
      socket.end()
      destroyLater(socket)
    }
  }
}
