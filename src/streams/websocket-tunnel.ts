import { Duplex } from 'node:stream'
import { WebSocket } from 'ws'

/** The subprotocol whose messages are the bytes of a SPDY connection (KEP-4006). */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io'

/** RFC 6455, 7.4.1. */
const CLOSE_NORMAL = 1000
const CLOSE_UNACCEPTABLE = 1003

/**
 * The bytes of the binary messages of a WebSocket, both ways. The library's own stream for it waits with each message until the one before has
 * left the machine, and forever for one that cannot.
 */
class Tunnel extends Duplex {
  readonly #socket: WebSocket
  readonly #connection: Duplex
  #onRoom: (() => void) | null = null

  constructor(socket: WebSocket, connection: Duplex) {
    super()
    this.#socket = socket
    this.#connection = connection
    connection.on('drain', () => this.#goOn())
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) socket.close(CLOSE_UNACCEPTABLE, 'text is none of the protocol')
      else if (!this.push(data)) socket.pause()
    })
    socket.on('error', (error) => this.destroy(error))
    socket.once('close', () => {
      this.#goOn()
      this.push(null)
      // Once everything was read.
      if (this.readableEnded) this.destroy()
      else this.once('end', () => this.destroy())
    })
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      done()
      return
    }
    this.#socket.send(chunk, { binary: true }, () => {})
    if (this.#connection.writableNeedDrain) this.#onRoom = done
    else done()
  }

  override _final(done: () => void): void {
    this.#socket.close(CLOSE_NORMAL)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate()
    done(error)
  }

  #goOn(): void {
    const done = this.#onRoom
    this.#onRoom = null
    done?.()
  }
}

/** `connection` is what the WebSocket runs on: it knows when there is room. */
export const tunnelOf = (socket: WebSocket, connection: Duplex): Duplex =>
  new Tunnel(socket, connection)
