import { constants, type Http2Session, type Http2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { isWithin } from '../core/index.ts'
import type { TunnelLimits } from './limits.ts'
import { type Liveness, watchLiveness } from './liveness.ts'
import { streamWindow } from './stream-window.ts'

/** What both ends do alike for one tunnel: count its streams, keep their windows within the memory, notice a dead peer. */
export class TunnelSession {
  readonly http2: Http2Session
  readonly #socket: TLSSocket
  readonly #limits: TunnelLimits
  readonly #streams = new Set<Http2Stream>()
  #window: number
  #liveness: Liveness
  /** When it was first seen to be over. */
  #overMs: number | null = null

  constructor(http2: Http2Session, socket: TLSSocket, limits: TunnelLimits, nowMs: number) {
    this.http2 = http2
    this.#socket = socket
    this.#limits = limits
    this.#window = limits.streamWindowBytes
    this.#liveness = { bytesSeen: socket.bytesRead, heardMs: nowMs, askedMs: null }
    // The socket may be half open, HTTP/2 may not: a peer that has left would hold its streams until it is found dead.
    socket.once('end', () => {
      http2.destroy(new Error('the other end has left'))
      socket.destroy()
    })
    http2.once('close', () => socket.destroy())
  }

  /** Streams that carry somebody's connection. */
  get streams(): ReadonlySet<Http2Stream> {
    return this.#streams
  }

  /** Silent since it was asked. */
  get silent(): boolean {
    return this.#liveness.askedMs !== null
  }

  /** No more streams: it ends with its last one. */
  get leaving(): boolean {
    return this.http2.closed || this.http2.destroyed
  }

  enter(stream: Http2Stream): void {
    this.#streams.add(stream)
    // A reset without an error code would leave it waiting to write what nobody takes any more. Node tells amid its own closing.
    stream.once('aborted', () => setImmediate(() => endWhenRead(stream)))
    stream.once('close', () => {
      this.#streams.delete(stream)
      this.#fitWindow()
    })
    this.#fitWindow()
  }

  /** To be called every `lookMs`. A dead peer's session is destroyed. */
  look(nowMs: number): void {
    if (this.http2.destroyed) {
      // It has said its last words. Who ends it together with us may still have to read them; nobody else is waited for.
      this.#overMs ??= nowMs
      const mayRead = this.http2.closed && !this.silent
      if (!mayRead || !isWithin(this.#limits.deadAfterMs, this.#overMs, nowMs)) {
        this.#socket.destroy()
      }
      return
    }
    this.#fitWindow()
    const { verdict, liveness } = watchLiveness(
      this.#liveness,
      this.#socket.bytesRead,
      nowMs,
      this.#limits,
    )
    this.#liveness = liveness
    if (verdict === 'dead') this.http2.destroy(new Error('the other end of the tunnel is silent'))
    // The answer counts as any other byte.
    else if (verdict === 'ask') this.http2.ping(ignore)
  }

  /** Takes no more streams and ends with the last of those that run. The other end is told by GOAWAY. */
  drain(): void {
    if (!this.leaving) this.http2.close()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.http2.destroy()
    this.#socket.destroy()
  }

  #fitWindow(): void {
    // One change at a time: Node gives up a session that leaves ten of them unanswered.
    if (this.leaving || this.http2.pendingSettingsAck) return
    const window = streamWindow(this.#streams.size, this.#window, this.#limits)
    if (window === this.#window) return
    this.#window = window
    this.http2.settings({ initialWindowSize: window })
  }
}

/** What came before a reset without an error code is as good as before an end. */
function endWhenRead(stream: Http2Stream): void {
  if (stream.readableEnded || stream.rstCode !== constants.NGHTTP2_NO_ERROR) stream.destroy()
  else stream.once('end', () => stream.destroy())
}

const ignore = (): void => {}
