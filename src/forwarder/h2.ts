import {
  constants,
  type Http2Session,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { ClientExchange } from './exchange.ts'
import type { ForwarderLimits } from './limits.ts'
import { destroyLater } from './linger.ts'
import { writeCopy } from './outgoing.ts'
import { boundTinyPieces } from './tiny-pieces.ts'

const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, NGHTTP2_FLAG_END_STREAM, NGHTTP2_NO_ERROR } =
  constants

/** Serves HTTP/2 on a socket whose TLS has ended. */
export function serveHttp2(
  socket: TLSSocket,
  limits: ForwarderLimits,
  handle: (exchange: ClientExchange, socket: TLSSocket) => void,
): Http2Session {
  const session: ServerHttp2Session = performServerHandshake(socket, {
    maxSessionMemory: limits.maxSessionMemoryMb,
    maxHeaderListPairs: limits.maxHeaderPairs,
    maxSendHeaderBlockLength: limits.maxHeaderBytes,
    streamResetBurst: limits.streamResetBurst,
    streamResetRate: limits.streamResetRate,
    // It would drop a header in silence: `kubectl --as " alice"` must be refused, and not be the person himself.
    strictFieldWhitespaceValidation: false,
    // Programs behind `…/proxy` say Date or Content-Type twice, and Node would throw instead of passing that on.
    strictSingleValueFields: false,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.maxConcurrentStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      initialWindowSize: limits.streamWindowBytes,
    },
  })
  session.setLocalWindowSize(16 * limits.streamWindowBytes)
  // The socket may be half open, HTTP/2 may not: a client that has left would hold its streams for ever.
  socket.once('end', () => {
    session.destroy(new Error('the client ended its connection'))
    socket.destroy()
  })
  // A session that is over ends only our half, and Node tells so when the client has closed as well, if he ever does.
  const { destroy } = session
  session.destroy = (error, code) => {
    destroy.call(session, error, code)
    destroyLater(socket)
  }
  session.on('error', () => {})
  let streams = 0
  const idle = setTimeout(() => {
    if (streams === 0) session.close()
  }, limits.keepAliveTimeoutMs)
  idle.unref()
  session.once('close', () => clearTimeout(idle))
  session.on('stream', (stream, headers, flags, rawHeaders) => {
    stream.on('error', () => {})
    streams += 1
    stream.once('close', () => {
      streams -= 1
      if (streams === 0) idle.refresh()
    })
    handle(
      new Http2Exchange(
        stream,
        String(headers[HTTP2_HEADER_METHOD] ?? ''),
        String(headers[HTTP2_HEADER_PATH] ?? ''),
        withoutPseudo(rawHeaders),
        (flags & NGHTTP2_FLAG_END_STREAM) !== 0,
        limits.maxUnreadTinyPieces,
      ),
      socket,
    )
  })
  return session
}

/** Pseudo-headers come first (RFC 9113, 8.3). */
function withoutPseudo(rawHeaders: readonly string[]): string[] {
  let begin = 0
  while (begin < rawHeaders.length && rawHeaders[begin]?.startsWith(':') === true) begin += 2
  return rawHeaders.slice(begin)
}

class Http2Exchange implements ClientExchange {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly body: Readable | null
  readonly upgrade = null
  readonly #stream: ServerHttp2Stream

  constructor(
    stream: ServerHttp2Stream,
    method: string,
    target: string,
    rawHeaders: readonly string[],
    ended: boolean,
    maxUnreadTinyPieces: number,
  ) {
    this.#stream = stream
    this.method = method
    this.target = target
    this.rawHeaders = rawHeaders
    this.body = ended ? null : stream
    if (!ended) boundTinyPieces(stream, maxUnreadTinyPieces, () => this.reset())
  }

  get closed(): boolean {
    const { destroyed, closed, headersSent, writableEnded } = this.#stream
    // Node ends the writable side of a HEAD before anybody has answered.
    return destroyed || closed || (headersSent && writableEnded)
  }

  respond(status: number, headers: readonly string[]): void {
    if (this.closed) return
    const fields: Record<string, string | string[]> = Object.create(null) as Record<string, string>
    for (let index = 0; index < headers.length; index += 2) {
      const name = (headers[index] ?? '').toLowerCase()
      const value = headers[index + 1] ?? ''
      const before = fields[name]
      fields[name] = before === undefined ? value : [before, value].flat()
    }
    this.#stream.respond({ ':status': status, ...fields })
  }

  write(chunk: Buffer): boolean {
    return this.closed ? true : writeCopy(this.#stream, chunk)
  }

  end(last: Buffer | null): void {
    if (this.closed) return
    if (last === null) this.#stream.end()
    else this.#stream.end(last)
    // What the client still sends is not read any more (RFC 9113, 8.1).
    if (this.body !== null && !this.body.readableEnded) {
      this.#stream.once('finish', () => this.#stream.close(NGHTTP2_NO_ERROR))
    }
  }

  last(): void {
    this.#stream.session?.close()
  }

  reset(): void {
    // `close` would first end the stream, and the client would take a broken answer for a whole one.
    this.#stream.destroy(new Error('the answer is not whole'))
  }

  onDrain(listener: () => void): void {
    this.#stream.on('drain', listener)
  }

  onAbort(listener: () => void): void {
    this.#stream.once('close', () => {
      if (!this.#stream.writableFinished || this.#stream.rstCode !== NGHTTP2_NO_ERROR) listener()
    })
  }

  onClosed(listener: () => void): void {
    this.#stream.once('close', listener)
  }
}
