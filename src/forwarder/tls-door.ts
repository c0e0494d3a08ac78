import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { errorMessage, type Logger } from '../core/index.ts'
import type { ConnectionOrigin } from './connection.ts'
import type { ForwarderLimits } from './limits.ts'

/** A connection whose TLS has ended. */
export interface SecuredConnection {
  readonly socket: TLSSocket
  readonly origin: ConnectionOrigin
  readonly serverName: string
  /** DER of what the client proved to have; null when it sent none. */
  readonly certificate: Uint8Array | null
  readonly protocol: 'h2' | 'http/1.1'
}

/**
 * Ends the TLS of clients: 1.3 only, since older versions show the client's certificate to whoever moves the bytes. A
 * certificate is asked for and not judged here; no list of authorities is sent, as Go's clients would keep theirs back
 * when it is not on it. No session can be resumed: a resumed one keeps the verdict of another day.
 */
export class TlsDoor {
  readonly #base: SecureContext
  readonly #limits: ForwarderLimits
  readonly #log: Logger
  readonly #secureContext: (serverName: string) => Promise<SecureContext | null>
  readonly #onSecured: (connection: SecuredConnection) => void
  readonly #sockets = new Set<Socket>()

  constructor(options: {
    readonly limits: ForwarderLimits
    readonly log: Logger
    readonly secureContext: (serverName: string) => Promise<SecureContext | null>
    readonly onSecured: (connection: SecuredConnection) => void
  }) {
    this.#limits = options.limits
    this.#log = options.log
    this.#secureContext = options.secureContext
    this.#onSecured = options.onSecured
    this.#base = createSecureContext({
      minVersion: 'TLSv1.3',
      ca: [],
      secureOptions: constants.SSL_OP_NO_TICKET,
    })
  }

  get connections(): number {
    return this.#sockets.size
  }

  accept(raw: Socket, origin: ConnectionOrigin): void {
    if (this.#sockets.size >= this.#limits.maxConnections) {
      raw.destroy()
      return
    }
    this.#sockets.add(raw)
    raw.once('close', () => this.#sockets.delete(raw))
    raw.setNoDelay(true)
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: this.#base,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      SNICallback: (serverName, done) => {
        this.#secureContext(serverName.toLowerCase()).then(
          (context) => {
            if (context === null) done(new Error('no such server name'))
            else done(null, context)
          },
          (error: unknown) => {
            this.#log.error({ error: errorMessage(error) }, 'no certificate for a server name')
            done(error instanceof Error ? error : new Error(errorMessage(error)))
          },
        )
      },
    })
    const timer = setTimeout(() => raw.destroy(), this.#limits.handshakeTimeoutMs)
    const fail = (error: Error): void => {
      this.#log.debug({ error: errorMessage(error), address: origin.address }, 'connection failed')
      raw.destroy()
    }
    raw.on('error', fail)
    socket.on('error', fail)
    socket.once('close', () => clearTimeout(timer))
    socket.once('secure', () => {
      clearTimeout(timer)
      const serverName =
        typeof socket.servername === 'string' ? socket.servername.toLowerCase() : ''
      this.#onSecured({
        socket,
        origin,
        serverName,
        certificate: socket.getPeerX509Certificate()?.raw ?? null,
        protocol: socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1',
      })
    })
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
