import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'

export type ApiRequest = IncomingMessage | Http2ServerRequest
export type ApiResponse = (ServerResponse | Http2ServerResponse) & NodeJS.WritableStream

/** What arrived, as it arrived. */
export interface Arrived {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly headers: readonly string[]
}

export interface ApiServerOptions {
  /** Gets each connection as it is, instead of an HTTP server; HTTP/1.1 only. */
  readonly raw?: RawAnswer
  /** False: it knows HTTP/1.1 only. */
  readonly h2?: boolean
  /** An end in one direction does not end the other. */
  readonly allowHalfOpen?: boolean
}

/** A simulated API server that misbehaves as a test says: HTTP/2 for watches, HTTP/1.1 for the rest, by ALPN. */
export class ApiServer implements AsyncDisposable {
  /** Requests and upgrades that arrived. */
  readonly arrived: Arrived[] = []
  readonly sockets = new Set<Socket>()
  /** Of requests that asked for another protocol; those of the others stay a while for the next one. */
  readonly upgrading = new Set<Duplex>()
  answer: (request: ApiRequest, response: ApiResponse) => void = (request, response) => {
    request.resume()
    response.end('ok')
  }
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void = (_request, socket) =>
    socket.destroy()
  readonly #server: ReturnType<typeof createSecureServer> | ReturnType<typeof createTlsServer>

  private constructor(identity: { key: string; cert: string }, options: ApiServerOptions) {
    const { raw, h2 = true, allowHalfOpen = false } = options
    this.#server =
      raw === undefined ? this.#http(identity, h2, allowHalfOpen) : this.#raw(identity, raw)
    this.#server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.sockets.delete(socket))
    })
    this.#server.on('tlsClientError', () => {})
  }

  static async start(
    identity: { key: string; cert: string },
    options: ApiServerOptions = {},
  ): Promise<ApiServer> {
    const server = new ApiServer(identity, options)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The requests whose path this is. */
  of(path: string): Arrived[] {
    return this.arrived.filter(({ target }) => target.split('?')[0] === path)
  }

  #http(
    identity: { key: string; cert: string },
    h2: boolean,
    allowHalfOpen: boolean,
  ): ReturnType<typeof createSecureServer> {
    const server = createSecureServer({
      ...identity,
      ...{ allowHalfOpen },
      allowHTTP1: true,
      ALPNProtocols: h2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      maxHeaderListPairs: 4000,
      settings: { maxHeaderListSize: 2 * 1024 * 1024 },
      ...{ maxHeaderSize: 2 * 1024 * 1024, keepAliveTimeout: 0, requestTimeout: 0 },
    })
    server.on('session', (session: ServerHttp2Session) => session.on('error', () => {}))
    server.on('request', (request: ApiRequest, response: ApiResponse) => {
      request.on('error', () => {})
      response.on('error', () => {})
      this.#note(request)
      this.answer(request, response)
    })
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => {})
      this.upgrading.add(socket)
      socket.once('close', () => this.upgrading.delete(socket))
      this.#note(request)
      this.upgrade(request, socket, head)
    })
    return server
  }

  #raw(
    identity: { key: string; cert: string },
    answer: RawAnswer,
  ): ReturnType<typeof createTlsServer> {
    return createTlsServer({ ...identity, ALPNProtocols: ['http/1.1'] }, (socket) => {
      socket.on('error', () => {})
      answer(socket)
    })
  }

  #note(request: ApiRequest): void {
    const { method = '', url = '', httpVersion: version, rawHeaders } = request
    this.arrived.push({ method, target: url, version, headers: rawHeaders })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}

export type RawAnswer = (socket: TLSSocket) => void

/** Values of a header in what arrived. */
export function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter(
    (_value, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name,
  )
}
