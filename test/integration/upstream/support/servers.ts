import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import {
  createSecureServer as createHttp2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'

import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'

/** A server of this process. Disposing it waits until its last connection is gone, which finds leaks. */
export interface TestServer extends AsyncDisposable {
  readonly port: number
  /** Connections accepted until now. */
  readonly accepted: () => number
  readonly sockets: ReadonlySet<Socket>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export function startHttp(handler: Handler): Promise<TestServer> {
  return listen(createHttpServer(handler))
}

export function startHttps(options: ServerOptions, handler: Handler): Promise<TestServer> {
  const server = createHttpsServer({ maxHeaderSize: 2 * 1024 * 1024, ...options }, handler)
  server.requestTimeout = 0
  server.headersTimeout = 0
  server.keepAliveTimeout = 0
  return listen(server)
}

export interface Http2TestServer extends TestServer {
  readonly sessions: ReadonlySet<ServerHttp2Session>
  readonly opened: () => number
}

export async function startHttp2(
  options: SecureServerOptions,
  onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>, raw: string[]) => void,
): Promise<Http2TestServer> {
  const sessions = new Set<ServerHttp2Session>()
  let opened = 0
  const server = createHttp2Server({ maxSessionMemory: 1000, maxHeaderListPairs: 4000, ...options })
  server.on('session', (session) => {
    opened += 1
    sessions.add(session)
    session.on('error', () => {})
    session.once('close', () => sessions.delete(session))
  })
  server.on('sessionError', () => {})
  server.on(
    'stream',
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw?: unknown) => {
      stream.on('error', () => {})
      onStream(stream, headers, raw as string[])
    },
  )
  const started = await listen(server)
  return { ...started, sessions, opened: () => opened }
}

export function startTcp(onConnection: (socket: Socket) => void): Promise<TestServer> {
  return listen(
    createTcpServer((socket) => {
      // A socket that is not read never learns that its peer has left.
      socket.resume()
      onConnection(socket)
    }),
  )
}

export function startTls(
  options: TlsOptions,
  onConnection: (socket: TLSSocket) => void,
): Promise<TestServer> {
  return listen(
    createTlsServer(options, (socket) => {
      socket.on('error', () => {})
      socket.resume()
      onConnection(socket)
    }),
  )
}

async function listen(server: Server): Promise<TestServer> {
  const sockets = new Set<Socket>()
  let accepted = 0
  server.on('connection', (socket) => {
    accepted += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    accepted: () => accepted,
    sockets,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve, reject) => {
        const leak = setTimeout(() => {
          reject(new Error(`${sockets.size} connections are still open`))
          for (const socket of sockets) socket.destroy()
        }, 5_000)
        server.close(() => {
          clearTimeout(leak)
          resolve()
        })
      })
    },
  }
}
