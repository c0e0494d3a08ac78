import { Duplex } from 'node:stream'
import { CLOSE_NORMAL, CLOSE_UNACCEPTABLE, type WebSocketLink } from './websocket-link.ts'

/** The subprotocol whose messages are the bytes of a SPDY connection (KEP-4006). */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io'

const EMPTY = Buffer.alloc(0)

/** The bytes of the binary messages of a WebSocket, both ways. */
class Tunnel extends Duplex {
  readonly #link: WebSocketLink
  #onRoom: (() => void) | null = null

  constructor(link: WebSocketLink, head: Buffer) {
    super()
    this.#link = link
    link.pause()
    link.start(head, {
      piece: (data) => {
        // In memory of its own: it may wait to be read, and who reads it gives it back.
        const copy = Buffer.allocUnsafeSlow(data.length)
        data.copy(copy)
        if (!this.push(copy)) link.pause()
      },
      text: () => link.close(CLOSE_UNACCEPTABLE, 'text is none of the protocol'),
      drain: () => this.#goOn(),
      closed: (_code, error) => {
        this.#goOn()
        if (error !== null) {
          this.destroy(error)
          return
        }
        this.push(null)
        // Once everything was read.
        if (this.readableEnded) this.destroy()
        else this.once('end', () => this.destroy())
      },
    })
  }

  override _read(): void {
    this.#link.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.#link.send(EMPTY, chunk)) done()
    else this.#onRoom = done
  }

  override _final(done: () => void): void {
    // Whoever waits for the end of what is sent waits for the connection below.
    this.#link.close(CLOSE_NORMAL, '', done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#link.destroy()
    done(error)
  }

  #goOn(): void {
    const done = this.#onRoom
    this.#onRoom = null
    done?.()
  }
}

/** `head` came with the handshake. */
export const tunnelOf = (link: WebSocketLink, head: Buffer): Duplex => new Tunnel(link, head)
