import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  sensitiveHeaders,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { UpstreamLimits } from '../limits.ts'
import { describeBroken } from './describe-broken.ts'
import type { Carrier, Exchange } from './exchange.ts'

export interface Http2SessionOptions {
  readonly cluster: string
  /** The `:authority` of requests. */
  readonly authority: string
  readonly limits: UpstreamLimits
  readonly onClosed: (session: Http2Session) => void
}

/** What became of a request that the server did not begin to answer. */
export type RetryDecision = (error: Error) => void

/** One HTTP/2 connection and the streams on it. Found dead by PING, not by TCP's 15 minutes. */
export class Http2Session {
  readonly #h2: ClientHttp2Session
  readonly #socket: Socket
  readonly #options: Http2SessionOptions
  readonly #pingTimer: NodeJS.Timeout
  readonly #closed: Promise<void>
  #idleTimer: NodeJS.Timeout | null = null
  #pinging = false
  #streams = 0

  /**
   * Starts HTTP/2 on a connection whose ALPN chose it, and waits for the server's SETTINGS: only then it is known how many
   * streams it takes.
   *
   * @throws UpstreamFailure
   */
  static async open(socket: Socket, options: Http2SessionOptions): Promise<Http2Session> {
    const { limits, cluster } = options
    const h2 = connect(`https://${options.authority}`, {
      createConnection: () => socket,
      settings: {
        enablePush: false,
        initialWindowSize: limits.streamWindowBytes,
        maxFrameSize: limits.maxFrameBytes,
        maxHeaderListSize: limits.maxHeaderListBytes,
      },
      maxSessionMemory: limits.maxSessionMemoryMb,
      maxHeaderListPairs: limits.maxHeaderListPairs,
      maxSendHeaderBlockLength: limits.maxHeaderListBytes,
      maxReservedRemoteStreams: 0,
    })
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => {
        clearTimeout(timer)
        h2.destroy()
        reject(describeBroken(error, cluster))
      }
      const timer = setTimeout(() => {
        fail(new Error(`no HTTP/2 SETTINGS within ${limits.connectTimeoutMs / 1000} s`))
      }, limits.connectTimeoutMs)
      const closed = (): void => fail(new Error('closed before HTTP/2 SETTINGS'))
      h2.once('error', fail).once('close', closed)
      h2.once('remoteSettings', () => {
        clearTimeout(timer)
        h2.off('error', fail).off('close', closed)
        resolve()
      })
    })
    h2.setLocalWindowSize(limits.sessionWindowBytes)
    return new Http2Session(h2, socket, options)
  }

  private constructor(h2: ClientHttp2Session, socket: Socket, options: Http2SessionOptions) {
    this.#h2 = h2
    this.#socket = socket
    this.#options = options
    this.#pingTimer = setInterval(() => this.#ping(), options.limits.pingIntervalMs)
    this.#pingTimer.unref()
    this.#closed = new Promise((resolve) => {
      h2.once('close', () => {
        clearInterval(this.#pingTimer)
        if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
        options.onClosed(this)
        resolve()
      })
    })
    // Each stream reports the error; without a listener the process would end.
    h2.on('error', () => {})
    this.#armIdle()
  }

  get streams(): number {
    return this.#streams
  }

  /** Takes a stream for the caller, who then calls `start` or `release`. False: full, or on its way out (GOAWAY). */
  claim(): boolean {
    const most = Math.min(
      this.#options.limits.maxStreamsPerSession,
      this.#h2.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY,
    )
    if (this.#h2.closed || this.#h2.destroyed || this.#streams >= most) return false
    this.#streams += 1
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    this.#idleTimer = null
    return true
  }

  release(): void {
    this.#streams -= 1
    if (this.#streams === 0) this.#armIdle()
  }

  /**
   * Sends a request without body on a claimed stream.
   *
   * @param onUnanswered called instead of the exchange when the connection or stream ended before an answer began, and
   *   sending again is safe.
   * @returns false when the request does not fit into HTTP/2; the claim is released then.
   */
  start(
    exchange: Exchange,
    path: string,
    headers: readonly string[],
    onUnanswered: RetryDecision,
  ): boolean {
    const { method } = exchange.request
    const list = [':method', method, ':scheme', 'https', ':authority', this.#options.authority]
    list.push(':path', path)
    for (let index = 0; index + 1 < headers.length; index += 2) {
      list.push((headers[index] ?? '').toLowerCase(), headers[index + 1] ?? '')
    }
    let stream: ClientHttp2Stream
    try {
      stream = this.#h2.request(Object.assign(list, { [sensitiveHeaders]: ['authorization'] }), {
        endStream: true,
      })
    } catch (error) {
      this.release()
      if (this.#h2.closed || this.#h2.destroyed) {
        onUnanswered(error instanceof Error ? error : new Error(String(error)))
        return true
      }
      return false
    }
    new StreamRequest(stream, exchange, this.#options.cluster, onUnanswered, () => this.release())
    return true
  }

  /** Takes no new streams; resolves when those underway have ended. */
  async drain(): Promise<void> {
    this.#h2.close()
    await this.#closed
  }

  async destroy(error?: Error): Promise<void> {
    this.#h2.destroy(error)
    await this.#closed
  }

  #armIdle(): void {
    this.#idleTimer = setTimeout(() => this.#h2.close(), this.#options.limits.sessionIdleMs)
    this.#idleTimer.unref()
  }

  #ping(): void {
    if (this.#pinging || this.#streams === 0 || this.#h2.destroyed) return
    this.#pinging = true
    const { pingTimeoutMs } = this.#options.limits
    const bytesBefore = this.#socket.bytesRead
    const timer = setTimeout(() => {
      // Our own process may have been busy: what has arrived by now is read before the verdict.
      setImmediate(() => {
        if (!this.#pinging || this.#h2.destroyed) return
        this.#pinging = false
        if (this.#socket.bytesRead !== bytesBefore) return
        const words = `no sign of life for ${pingTimeoutMs / 1000} s after an HTTP/2 PING`
        this.#h2.destroy(new Error(words))
      })
    }, pingTimeoutMs)
    const sent = this.#h2.ping(() => {
      clearTimeout(timer)
      this.#pinging = false
    })
    if (!sent) {
      clearTimeout(timer)
      this.#pinging = false
    }
  }
}

/** One exchange on a stream. */
class StreamRequest implements Carrier {
  readonly #stream: ClientHttp2Stream
  readonly #exchange: Exchange
  readonly #cluster: string
  readonly #onUnanswered: RetryDecision
  readonly #release: () => void
  #error: Error | null = null
  #answered = false

  constructor(
    stream: ClientHttp2Stream,
    exchange: Exchange,
    cluster: string,
    onUnanswered: RetryDecision,
    release: () => void,
  ) {
    this.#stream = stream
    this.#exchange = exchange
    this.#cluster = cluster
    this.#onUnanswered = onUnanswered
    this.#release = release
    exchange.carriedBy(this)
    stream.on('response', (headers: IncomingHttpHeaders, _flags: number, raw?: unknown) => {
      this.#answered = true
      exchange.head(Number(headers[':status']), withoutPseudo(raw, headers))
      // Node tells of the head in a tick of its own, and a listener from before would now and then hear the first bytes
      // of the body earlier: of some thousand watches that begin together, one.
      stream.on('data', (chunk: Buffer) => {
        if (!exchange.data(chunk)) stream.pause()
      })
    })
    stream.on('end', () => {
      // A stream that the server resets also "ends": only without a code it is whole.
      if (this.#answered && stream.rstCode === constants.NGHTTP2_NO_ERROR) exchange.end()
    })
    stream.on('error', (error: Error) => {
      this.#error = error
    })
    stream.on('close', () => this.#closed())
  }

  resume(): void {
    // Before the head nobody listens, and what flows would be lost.
    if (this.#answered) this.#stream.resume()
  }

  cancel(): void {
    this.#stream.close(constants.NGHTTP2_CANCEL)
    // A paused stream would wait for its reader before it closes.
    this.#stream.destroy()
  }

  #closed(): void {
    this.#release()
    if (this.#exchange.settled) return
    const code = this.#stream.rstCode ?? constants.NGHTTP2_NO_ERROR
    const error = this.#error ?? new Error(`the HTTP/2 stream was reset with code ${code}`)
    const { method } = this.#exchange.request
    const safe = method === 'GET' || method === 'HEAD'
    // RFC 9113 8.7: a refused stream was not processed, whatever its method.
    const again = !this.#answered && (safe || code === constants.NGHTTP2_REFUSED_STREAM)
    if (again) this.#onUnanswered(error)
    else this.#exchange.fail(describeBroken(error, this.#cluster))
  }
}

function withoutPseudo(raw: unknown, headers: IncomingHttpHeaders): string[] {
  const pairs: string[] = []
  if (Array.isArray(raw)) {
    for (let index = 0; index + 1 < raw.length; index += 2) {
      const name = String(raw[index])
      if (!name.startsWith(':')) pairs.push(name, String(raw[index + 1]))
    }
    return pairs
  }
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':')) continue
    for (const each of [value ?? []].flat()) pairs.push(name, String(each))
  }
  return pairs
}
