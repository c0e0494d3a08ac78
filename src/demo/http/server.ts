import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorCode, type Logger } from '../../core/index.ts'
import { answerRequest } from '../api/api.ts'
import type { ApiEnv } from '../api/env.ts'
import { type Answer, type DemoRequest, jsonAnswer, type Sink } from '../api/exchange.ts'
import { ApiError } from '../api-error.ts'
import { MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_HEADER_BYTES, MAX_STREAMS } from '../limits.ts'
import type { Principal } from '../rbac/rules.ts'

type Incoming = IncomingMessage | Http2ServerRequest
type Outgoing = ServerResponse | Http2ServerResponse

/** Answers an upgrade whose token was right: owns the socket from then on. */
export type Upgrade = (
  request: DemoRequest,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Buffer,
) => void

export interface ServerOptions {
  readonly env: ApiEnv
  readonly certificate: { readonly key: string; readonly cert: string }
  readonly token: string
  /** Whose the token is. */
  readonly caller: Principal
  readonly upgrade: Upgrade
  readonly log: Logger
}

/** HTTP/1.1 and HTTP/2 over TLS on the loopback, in front of the API. */
export class DemoServer implements AsyncDisposable {
  readonly #options: ServerOptions
  readonly #server: Http2SecureServer
  readonly #sockets = new Set<Socket>()
  readonly #closing = new AbortController()
  readonly #tokenHash: Buffer
  #streams = 0

  private constructor(options: ServerOptions) {
    this.#options = options
    this.#tokenHash = hashOf(options.token)
    this.#server = createSecureServer({
      ...options.certificate,
      allowHTTP1: true,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
      maxHeaderListPairs: 4000,
      settings: { maxHeaderListSize: MAX_HEADER_BYTES, maxConcurrentStreams: 250 },
      // Watches are silent for long, bodies are small: a header that does not come is the only thing to time.
      ...{ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0, headersTimeout: 30_000 },
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('session', (session: ServerHttp2Session) => session.on('error', () => {}))
    this.#server.on('request', (incoming: Incoming, outgoing: Outgoing) => {
      this.#serve(incoming, outgoing).catch((error: unknown) => {
        options.log.debug({ error: errorCode(error) }, 'a client of the demo cluster went away')
        outgoing.destroy()
      })
    })
    this.#server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(incoming, socket, head)
    })
  }

  static async listen(options: ServerOptions): Promise<DemoServer> {
    const server = new DemoServer(options)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.#server.once('error', reject)
    server.#server.listen(0, '127.0.0.1', resolve)
    await promise
    server.#server.off('error', reject)
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Open connections, for whoever counts leaks. */
  get connections(): number {
    return this.#sockets.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    // The server counts a connection as gone a moment before the socket says so.
    const gone = [...this.#sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    )
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all([closed, ...gone])
  }

  async #serve(incoming: Incoming, outgoing: Outgoing): Promise<void> {
    incoming.on('error', () => {})
    outgoing.on('error', () => {})
    const body = await readBody(incoming)
    if (body === 'aborted') return
    const answer =
      body === 'tooLarge' ? errorOf(tooLarge()) : this.#answer(requestOf(incoming, body))
    await this.#send(answer, incoming, outgoing)
  }

  #answer(request: DemoRequest): Answer {
    if (!this.#knows(request)) return errorOf(new ApiError('Unauthorized', 'Unauthorized'))
    return answerRequest(this.#options.env, this.#options.caller, request)
  }

  #knows(request: DemoRequest): boolean {
    const [, token] = /^Bearer (\S+)$/i.exec(request.header('authorization') ?? '') ?? []
    return token !== undefined && timingSafeEqual(hashOf(token), this.#tokenHash)
  }

  async #send(answer: Answer, incoming: Incoming, outgoing: Outgoing): Promise<void> {
    if (answer.kind === 'whole') {
      const length = Buffer.byteLength(answer.body)
      head(outgoing, answer.status, {
        ...answer.headers,
        ...(answer.status === 304 ? {} : { 'content-length': String(length) }),
      })
      // The two classes declare the same method with different overloads.
      ;(outgoing as NodeJS.WritableStream).end(incoming.method === 'HEAD' ? '' : answer.body)
      return
    }
    if (this.#streams >= MAX_STREAMS) {
      await this.#send(errorOf(tooMany()), incoming, outgoing)
      return
    }
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    outgoing.once('close', onClose)
    const signal = AbortSignal.any([gone.signal, this.#closing.signal])
    this.#streams += 1
    try {
      head(outgoing, answer.status, answer.headers)
      flush(outgoing)
      if (incoming.method !== 'HEAD') await answer.run(sinkOf(outgoing), signal)
    } finally {
      this.#streams -= 1
      outgoing.off('close', onClose)
      outgoing.end()
    }
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const request = requestOf(incoming, Buffer.alloc(0))
    if (!this.#knows(request)) {
      refuseUpgrade(socket, new ApiError('Unauthorized', 'Unauthorized'))
      return
    }
    if (this.#streams >= MAX_STREAMS) {
      refuseUpgrade(socket, tooMany())
      return
    }
    this.#streams += 1
    socket.once('close', () => {
      this.#streams -= 1
    })
    this.#options.upgrade(request, incoming, socket, head)
  }
}

/** Says no before a protocol was switched, and closes. */
export function refuseUpgrade(socket: Duplex, error: ApiError): void {
  const body = JSON.stringify(error.body())
  socket.end(
    `HTTP/1.1 ${error.code} ${error.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest()

const errorOf = (error: ApiError): Answer => jsonAnswer(error.code, error.body())

const tooLarge = (): ApiError =>
  new ApiError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`, {})
const tooMany = (): ApiError =>
  new ApiError('TooManyRequests', 'the demo cluster has too many open streams', {
    retryAfterSeconds: 1,
  })

function requestOf(incoming: Incoming, body: Buffer): DemoRequest {
  const headers: string[] = []
  const { rawHeaders } = incoming
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.push((rawHeaders[index] ?? '').toLowerCase(), rawHeaders[index + 1] ?? '')
  }
  return {
    method: incoming.method ?? 'GET',
    target: incoming.url ?? '/',
    headers,
    header(name) {
      for (let index = 0; index < headers.length; index += 2) {
        if (headers[index] === name) return headers[index + 1] ?? null
      }
      return null
    },
    body,
  }
}

/** The body, whole; what is over the limit is not kept. */
function readBody(incoming: Incoming): Promise<Buffer | 'tooLarge' | 'aborted'> {
  const { promise, resolve } = Promise.withResolvers<Buffer | 'tooLarge' | 'aborted'>()
  const chunks: Buffer[] = []
  let length = 0
  incoming.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_BODY_BYTES) {
      chunks.length = 0
      resolve('tooLarge')
    } else chunks.push(chunk)
  })
  incoming.once('end', () => resolve(Buffer.concat(chunks)))
  incoming.once('close', () => resolve('aborted'))
  return promise
}

function head(outgoing: Outgoing, status: number, headers: Readonly<Record<string, string>>): void {
  outgoing.statusCode = status
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value)
}

/** The head goes out before the first event: a watch may be silent for long. */
function flush(outgoing: Outgoing): void {
  if ('flushHeaders' in outgoing) outgoing.flushHeaders()
}

const sinkOf = (outgoing: Outgoing): Sink => ({
  write(chunk) {
    if (outgoing.writableEnded || outgoing.destroyed)
      return // The two classes declare the same method with different overloads.
    ;(outgoing as NodeJS.WritableStream).write(chunk)
  },
  pending: () => outgoing.writableLength,
})
