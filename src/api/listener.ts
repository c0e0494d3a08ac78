import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { PeerCertificateParser } from '../ca/index.ts'
import { errorMessage, type Logger } from '../core/index.ts'
import { MAX_CONNECTIONS, TLS_HANDSHAKE_TIMEOUT_MS } from './limits.ts'
import type { ApiServer } from './server.ts'

/** Ends the TLS of API callers. Sockets come from a listener of its own or from the gateway. */
export interface ApiListener {
  accept(socket: Socket, origin: { readonly address: string; readonly port: number }): void
  /** Lets running requests end, then cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/**
 * `secureContext` is asked for each connection, so that a renewed certificate serves at once; it must be made for
 * TLS 1.3 only, which hides the caller's certificate from whoever moves the bytes.
 */
export function createApiListener(options: {
  readonly server: Pick<ApiServer, 'http' | 'peers'>
  readonly secureContext: () => SecureContext
  readonly peers: PeerCertificateParser
  readonly log: Logger
}): ApiListener {
  const { peers, log } = options
  const { http } = options.server
  const sockets = new Set<Socket>()

  return {
    accept(raw, origin) {
      if (sockets.size >= MAX_CONNECTIONS) {
        raw.destroy()
        return
      }
      sockets.add(raw)
      raw.once('close', () => sockets.delete(raw))
      raw.setNoDelay(true)

      const socket = new TLSSocket(raw, {
        isServer: true,
        secureContext: options.secureContext(),
        requestCert: true,
        // Judged per request, with today's authorities and an answer in words; see server.ts.
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      })
      const timer = setTimeout(() => raw.destroy(), TLS_HANDSHAKE_TIMEOUT_MS)
      const fail = (error: Error): void => {
        log.debug({ error: errorMessage(error) }, 'API connection failed')
        raw.destroy()
      }
      raw.on('error', fail)
      socket.on('error', fail)
      socket.once('close', () => clearTimeout(timer))
      socket.once('secure', () => {
        clearTimeout(timer)
        const der: Buffer | undefined = socket.getPeerCertificate().raw
        options.server.peers.set(socket, {
          certificate: peers.parse(der ?? null),
          address: `${origin.address}:${origin.port}`,
        })
        http.emit('connection', socket)
      })
    },

    async close(graceMs) {
      const deadline = AbortSignal.timeout(graceMs)
      http.closeIdleConnections()
      while (sockets.size > 0 && !deadline.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        http.closeIdleConnections()
      }
      for (const socket of sockets) socket.destroy()
    },
  }
}
