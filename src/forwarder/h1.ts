import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { ClientExchange, UpgradeRequest } from './exchange.ts'
import { endIdleConnections } from './idle-connections.ts'
import type { ForwarderLimits } from './limits.ts'
import { writeCopy } from './outgoing.ts'
import { answerOf } from './refusal.ts'
import { boundTinyPieces } from './tiny-pieces.ts'

/** Serves HTTP/1.1 on sockets whose TLS has ended; `handle` gets each request with its socket. */
export function createHttp1(
  limits: ForwarderLimits,
  handle: (exchange: ClientExchange, socket: TLSSocket) => void,
): Server {
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: 10_000,
    insecureHTTPParser: false,
    // Two Host headers, or none, make a request mean different things to different readers.
    requireHostHeader: true,
    noDelay: true,
  })
  server.timeout = 0
  server.maxHeadersCount = limits.maxHeaderPairs
  const underway = new WeakMap<Duplex, Set<Http1Exchange>>()
  endIdleConnections(server)
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request
    if (request.httpVersionMajor !== 1) {
      sendBadRequest(socket, 400, 'Bad Request')
      return
    }
    let here = underway.get(socket)
    if (here === undefined) {
      here = new Set()
      underway.set(socket, here)
    }
    if (here.size >= limits.maxPipelinedRequests) {
      // Words would have to wait for all the answers before them.
      socket.destroy()
      return
    }
    const exchange = new Http1Exchange(request, response, limits.maxUnreadTinyPieces)
    here.add(exchange)
    exchange.onClosed(() => underway.get(socket)?.delete(exchange))
    handle(exchange, socket as TLSSocket)
  }
  server.on('request', serve)
  // Whatever else a client expects of us: Node would answer by itself, and the audit log would not know.
  server.on('checkExpectation', serve)
  const serveUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const before = [...(underway.get(socket) ?? [])]
    if (before.length > 0) {
      // Its answer would stand amid theirs, and Node tells those that wait for their turn nothing of such a connection's end.
      socket.destroy()
      for (const exchange of before) exchange.leave()
    } else if (request.httpVersionMajor !== 1) sendBadRequest(socket, 400, 'Bad Request')
    else handle(new Http1Upgrade(request, socket, head), request.socket as TLSSocket)
  }
  server.on('upgrade', serveUpgrade)
  // A CONNECT has no path that we serve; it is refused like the others, by whoever decides.
  server.on('connect', serveUpgrade)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (leaving.has(socket)) return
    // Words now would be taken for the answer, or a part of it, that an earlier request still waits for.
    if (!socket.writable || (underway.get(socket)?.size ?? 0) > 0) {
      socket.destroy()
      return
    }
    const tooLarge = error.code === 'HPE_HEADER_OVERFLOW'
    const timeout = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    const [status, words] = tooLarge
      ? ([431, 'Request Header Fields Too Large'] as const)
      : timeout
        ? ([408, 'Request Timeout'] as const)
        : ([400, 'Bad Request'] as const)
    sendBadRequest(socket, status, words)
  })
  // The server never listens, since sockets are handed to it; this starts its check of unfinished heads.
  server.emit('listening')
  return server
}

/**
 * Of an answer on its way to a client who reads; Node's 64 KB are less than what comes in one read of the API server's socket
 * while the last read is still being sent.
 */
const MAX_UNSENT_BYTES = 128 * 1024

class Http1Exchange implements ClientExchange {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly body: Readable | null
  readonly upgrade = null
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  /** Called in order; one listener of the response for all, since each costs every request. */
  readonly #closers: (() => void)[] = []
  #drained: (() => void) | null = null
  #awaited = false

  constructor(request: IncomingMessage, response: ServerResponse, maxUnreadTinyPieces: number) {
    this.#request = request
    this.#response = response
    response.once('close', () => this.#close())
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    this.rawHeaders = request.rawHeaders
    const { headers } = request
    const hasBody =
      headers['transfer-encoding'] !== undefined ||
      (headers['content-length'] !== undefined && headers['content-length'] !== '0')
    this.body = hasBody ? request : null
    if (hasBody) boundTinyPieces(request, maxUnreadTinyPieces, () => this.reset())
  }

  get closed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  respond(status: number, headers: readonly string[], flush: boolean): void {
    this.#response.writeHead(status, [...headers])
    if (flush) this.#response.flushHeaders()
  }

  write(chunk: Buffer): boolean {
    const response = this.#response
    if (writeCopy(response, chunk) || response.writableLength < MAX_UNSENT_BYTES) return true
    if (!this.#awaited) {
      this.#awaited = true
      response.on('drain', () => this.#drained?.())
    }
    return false
  }

  end(last: Buffer | null): void {
    if (last === null) this.#response.end()
    else this.#response.end(last)
  }

  last(): void {
    this.#response.shouldKeepAlive = false
  }

  reset(): void {
    this.#request.socket.destroy()
  }

  /** Its connection is gone. */
  leave(): void {
    this.#response.destroy()
    this.#close()
  }

  onDrain(listener: () => void): void {
    this.#drained = listener
  }

  onAbort(listener: () => void): void {
    this.#closers.push(() => {
      if (!this.#response.writableFinished) listener()
    })
    // An aborted upload is an error of the request; without a listener it would end the process.
    this.body?.on('error', () => {})
  }

  onClosed(listener: () => void): void {
    this.#closers.push(listener)
  }

  /** Once. */
  #close(): void {
    for (const closer of this.#closers.splice(0)) closer()
  }
}

class Http1Upgrade implements ClientExchange {
  readonly method: string
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly body = null
  readonly upgrade: UpgradeRequest
  readonly #socket: Duplex
  #answered = false
  #status = 0
  #headers: readonly string[] = []

  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    this.rawHeaders = request.rawHeaders
    this.#socket = socket
    this.upgrade = { protocol: request.headers.upgrade ?? '', socket, head }
    socket.on('error', () => {})
  }

  get closed(): boolean {
    return this.#socket.destroyed || this.#answered
  }

  /** Kept until `end`, which knows the length: a refused upgrade is one short answer, and the connection closes. */
  respond(status: number, headers: readonly string[]): void {
    this.#status = status
    this.#headers = headers
  }

  write(): boolean {
    throw new TypeError('the answer to an upgrade is sent whole')
  }

  end(last: Buffer | null): void {
    this.#answered = true
    const body = last ?? Buffer.alloc(0)
    let head = `HTTP/1.1 ${this.#status} ${STATUS_WORDS[this.#status] ?? 'Refused'}\r\n`
    for (let index = 0; index < this.#headers.length; index += 2) {
      head += `${this.#headers[index] ?? ''}: ${this.#headers[index + 1] ?? ''}\r\n`
    }
    head += `content-length: ${body.length}\r\nconnection: close\r\n\r\n`
    lastWords(this.#socket, Buffer.concat([Buffer.from(head, 'latin1'), body]))
  }

  last(): void {
    // It always is.
  }

  reset(): void {
    this.#socket.destroy()
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener)
  }

  onAbort(listener: () => void): void {
    this.#socket.once('close', () => {
      if (!this.#answered) listener()
    })
  }

  onClosed(listener: () => void): void {
    this.#socket.once('close', listener)
  }
}

const LINGER_MS = 2000
const leaving = new WeakSet<Duplex>()

/** Ends our half and reads on for a moment: the client may still be sending, and a reset would overtake the words. */
function lastWords(socket: Duplex, words: string | Buffer): void {
  leaving.add(socket)
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  let open = 2
  const half = (): void => {
    open -= 1
    if (open === 0) socket.destroy()
  }
  socket.end(words, half)
  socket.resume()
  socket.once('end', half)
  socket.once('close', () => clearTimeout(timer))
}

const STATUS_WORDS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** Answers what is no request; the parser takes versions 0.9 and 2.0 for one. */
function sendBadRequest(socket: Duplex, status: number, words: string): void {
  const { body, contentType } = answerOf(
    { code: 'BAD_REQUEST', reason: 'BadRequest', message: `the request is refused: ${words}` },
    false,
  )
  lastWords(
    socket,
    `HTTP/1.1 ${status} ${words}\r\ncontent-type: ${contentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
}
