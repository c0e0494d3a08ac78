import type { Duplex } from 'node:stream'
import { errorMessage } from '../core/index.ts'
import { type HeaderBlock, type SessionEvent, SpdyError, SpdySession } from '../protocol/index.ts'
import { broken, StreamError } from './errors.ts'

/** Events of a SPDY connection but for the bytes that it answers by itself. */
export type LinkEvent = Exclude<SessionEvent, { kind: 'send' }>

/**
 * A SPDY session over a connection: moves its bytes, keeps back-pressure in both directions, and ends once. Nothing is read before `start`.
 */
export class SpdyLink {
  readonly #socket: Duplex
  readonly #session: SpdySession
  #onEvent: (event: LinkEvent) => void = () => {}
  #onDrain: () => void = () => {}
  #onClosed: (error: Error | null) => void = () => {}
  #closed = false
  #ending = false

  constructor(role: 'client' | 'server', socket: Duplex) {
    this.#socket = socket
    this.#session = new SpdySession(role)
  }

  /** `head` came with the answer that switched protocols. */
  start(
    head: Buffer,
    on: {
      readonly event: (event: LinkEvent) => void
      readonly drain: () => void
      /** The connection is over; the last call. */
      readonly closed: (error: Error | null) => void
    },
  ): void {
    const socket = this.#socket
    this.#onEvent = on.event
    this.#onDrain = on.drain
    this.#onClosed = on.closed
    socket.on('drain', () => this.#onDrain())
    socket.once('error', (error) => this.#close(broken(error)))
    socket.once('close', () => this.#close(null))
    // Go's clients end their half when they have read everything.
    socket.once('end', () => socket.end())
    if (head.length > 0) this.#receive(head)
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  get isClosed(): boolean {
    return this.#closed
  }

  open(headers: HeaderBlock): number {
    const { streamId, bytes } = this.#session.open(headers)
    this.#write(bytes)
    return streamId
  }

  accept(streamId: number): void {
    this.#write(this.#session.accept(streamId))
  }

  refuse(streamId: number): void {
    this.#write(this.#session.reset(streamId, 'refusedStream'))
  }

  /** False: wait for `drain`. */
  data(streamId: number, data: Buffer, fin = false): boolean {
    return this.#write(this.#session.data(streamId, data, fin))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Says goodbye, and closes when the other side did, or after `lingerMs`. */
  end(lingerMs: number): void {
    if (this.#ending || this.#closed) return
    this.#ending = true
    const socket = this.#socket
    socket.end(this.#session.goAway('ok'))
    socket.resume()
    const timer = setTimeout(() => socket.destroy(), lingerMs)
    socket.once('close', () => clearTimeout(timer))
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#closed) return
    try {
      for (const event of this.#session.receive(chunk)) {
        if (event.kind === 'send') this.#write(event.bytes)
        else this.#onEvent(event)
      }
    } catch (error) {
      const status = error instanceof SpdyError ? error.goAwayStatus : 'internalError'
      if (!this.#socket.writableEnded) this.#socket.end(this.#session.goAway(status))
      this.#close(
        new StreamError('STREAM_MALFORMED', `not SPDY as it should be: ${errorMessage(error)}`, {
          cause: error,
        }),
      )
    }
  }

  #write(bytes: Buffer): boolean {
    const socket = this.#socket
    if (bytes.length === 0 || socket.writableEnded || socket.destroyed) return true
    return socket.write(bytes)
  }

  #close(error: Error | null): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClosed(error)
  }
}
