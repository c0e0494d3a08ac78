import { AsyncLocalStorage } from 'node:async_hooks'
import { constants } from 'node:crypto'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { addressKey, errorCode, errorMessage, type Logger } from '../core/index.ts'
import { type DoorLimits, defaultDoorLimits } from './limits.ts'
import { Shares } from './shares.ts'

/** Where a connection came from, as the gateway or the socket says. */
export interface ConnectionOrigin {
  readonly address: string
  readonly port: number
}

/** A connection whose TLS has ended. */
export interface SecuredConnection {
  readonly socket: TLSSocket
  readonly origin: ConnectionOrigin
  /** Lower case; empty when the client named none. */
  readonly serverName: string
  /** DER of what the client proved to have; null when it sent none. */
  readonly certificate: Uint8Array | null
  /** The protocol that was agreed on; null when the client offered none. */
  readonly protocol: string | null
  /**
   * Says who holds the connection: somebody who is proven, by name, or nobody who is (null). False when he has his share
   * already; then the connection is closed. Of whom nothing was said when `onSecured` has ended is a stranger.
   */
  hold(holder: string | null): boolean
}

export interface TlsDoorOptions {
  readonly alpnProtocols: readonly string[]
  /** Ask clients for a certificate. It is proven, and judged by whoever gets the connection. */
  readonly requestCertificate: boolean
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly handshakeTimeoutMs: number
  /** Beyond this, new sockets are closed. */
  readonly maxConnections: number
  /** Rejects, or resolves to null, for a name that is not served; `serverName` is lower case, empty when there is none. */
  readonly secureContext: (serverName: string) => Promise<SecureContext | null>
  /** A connection is closed when this rejects. */
  readonly onSecured: (connection: SecuredConnection) => void | Promise<void>
  readonly limits?: Partial<DoorLimits>
  readonly log: Logger
}

/** Who a server is, in PEM. */
export interface ServerPair {
  readonly key: string
  readonly certificate: string
}

/** Ends the TLS of connections that somebody else accepted, at their ClientHello: sockets, and streams of a tunnel. */
export interface TlsDoor {
  accept(socket: Duplex, origin: ConnectionOrigin): void
  /** From now on clients that name no server get this pair; before, they are refused. */
  serveNameless(pair: ServerPair): void
  readonly connections: number
  /** Ends all connections and takes no more. */
  destroy(): void
}

/**
 * Opens a door. A client certificate is never judged by the TLS library: the list of acceptable authorities stays empty,
 * as Go's clients keep theirs back when it is not on the list, and Node's bundled roots vouch for nobody. No session can
 * be resumed: a resumed one keeps the verdict of another day. SSL_OP_NO_TICKET keeps sessions out of what clients are given,
 * which are then names of entries of a cache; Node has none of its own, and nobody listens to `resumeSession`, which would be
 * the other. In TLS 1.3 clients are given such names nevertheless, and offer them in vain.
 */
export function createTlsDoor(options: TlsDoorOptions): TlsDoor {
  return new ServerDoor(options)
}

interface Accepted {
  readonly socket: Duplex
  /** Null for a socket, whose end the TLS socket notices by itself. */
  readonly stream: Duplex | null
  readonly origin: ConnectionOrigin
  readonly allowHalfOpen: boolean
  /** Gives back the place of the handshake. */
  shaken(): void
}

class ServerDoor implements TlsDoor {
  readonly #options: TlsDoorOptions
  readonly #server: Server
  /** What was accepted, and the socket that ends it: its TLS as soon as that is there. */
  readonly #sockets = new Map<Duplex, Duplex>()
  /** The TLS socket does not tell what is below it; what is called back about it runs where it was made. */
  readonly #accepting = new AsyncLocalStorage<Accepted>()
  readonly #handshakes: Shares
  readonly #strangers: Shares
  readonly #known: Shares
  #destroyed = false

  constructor(options: TlsDoorOptions) {
    this.#options = options
    const limits = { ...defaultDoorLimits, ...options.limits }
    const full =
      (words: string) =>
      (holder: string, connections: number): void =>
        options.log.warn({ holder, connections }, words)
    this.#handshakes = new Shares(
      { most: limits.maxHandshakes, mostEach: limits.maxHandshakesPerAddress },
      full('too many unfinished TLS handshakes of one address: further ones are closed'),
    )
    this.#strangers = new Shares(
      { most: limits.maxStrangers, mostEach: limits.maxStrangersPerAddress },
      full('too many connections of one address prove nobody: further ones are closed'),
    )
    this.#known = new Shares(
      { most: options.maxConnections, mostEach: limits.maxConnectionsPerHolder },
      full('one person has as many connections as he may: further ones are closed'),
    )
    this.#server = createServer({
      minVersion: options.minVersion,
      ALPNProtocols: [...options.alpnProtocols],
      requestCert: options.requestCertificate,
      rejectUnauthorized: false,
      ca: [],
      secureOptions: constants.SSL_OP_NO_TICKET,
      handshakeTimeout: options.handshakeTimeoutMs,
      SNICallback: (serverName, done) => {
        options.secureContext(serverName.toLowerCase()).then(
          (context) => {
            if (context === null) done(new Error('this server name is not served'))
            else done(null, context)
          },
          (error: unknown) => {
            options.log.error({ error: errorMessage(error) }, 'no certificate for a server name')
            done(error instanceof Error ? error : new Error(errorMessage(error)))
          },
        )
      },
    })
    this.#server.on('secureConnection', (socket) => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => {
      options.log.debug({ error: errorMessage(error) }, 'TLS handshake failed')
      socket.destroy()
    })
  }

  get connections(): number {
    return this.#sockets.size
  }

  accept(socket: Duplex, origin: ConnectionOrigin): void {
    // One that has closed meanwhile would never say so again, and be counted for ever.
    const unwanted = this.#destroyed || socket.destroyed
    if (unwanted || this.#sockets.size >= this.#options.maxConnections) {
      socket.destroy()
      return
    }
    const shaken = this.#handshakes.take(addressKey(origin.address))
    if (shaken === null) {
      socket.destroy()
      return
    }
    const accepted: Accepted = {
      socket,
      stream: socket instanceof Socket ? null : socket,
      origin,
      shaken,
      allowHalfOpen: socket.allowHalfOpen,
    }
    this.#sockets.set(socket, socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      shaken()
    })
    // The TLS socket above reports the error; without a listener of its own this one would end the process.
    socket.on('error', (error) => {
      this.#options.log.debug({ error: errorMessage(error) }, 'connection failed')
      socket.destroy()
    })
    if (socket instanceof Socket) socket.setNoDelay(true)
    // Who leaves amid the handshake is gone; after it, an end in one direction is a part of the connection.
    socket.allowHalfOpen = false
    this.#accepting.run(accepted, () => this.#server.emit('connection', socket))
  }

  serveNameless(pair: ServerPair): void {
    this.#server.setSecureContext(contextOptions({ ...pair, minVersion: this.#options.minVersion }))
  }

  destroy(): void {
    this.#destroyed = true
    // Whoever calls may do so amid a handshake, on the stack of OpenSSL. Node frees the TLS of a socket at once when the one below it
    // went first, and the process dies there as OpenSSL goes on (SIGSEGV); by the next turn of the loop that stack is gone.
    setImmediate(() => {
      // The TLS before what is below it: in the other order Node never says that TLS inside this TLS has closed.
      for (const socket of this.#sockets.values()) socket.destroy()
    })
  }

  #secured(socket: TLSSocket): void {
    // Whoever destroyed the door takes nobody any more, nor in the moment until all are gone.
    if (this.#destroyed) {
      socket.destroy()
      return
    }
    const accepted = this.#accepting.getStore()
    accepted?.shaken()
    if (accepted !== undefined && !accepted.socket.destroyed) {
      this.#sockets.set(accepted.socket, socket)
    }
    socket.allowHalfOpen = accepted?.allowHalfOpen ?? false
    const origin = accepted?.origin ?? { address: '', port: 0 }
    const stream = accepted?.stream ?? null
    // Of a stream that is gone Node tells the TLS socket above only when it ended or failed, and not when it was broken off.
    if (stream?.destroyed === true) socket.destroy()
    else stream?.once('close', () => socket.destroy())
    socket.on('error', (error) => {
      const { log } = this.#options
      if (errorCode(error) === BAD_RECORD_MAC) {
        log.warn({ from: origin.address }, 'bytes of a TLS connection were changed on their way')
      } else {
        log.debug({ error: errorMessage(error) }, 'TLS connection failed')
      }
      socket.destroy()
    })
    let said = false
    const taken = this.#options.onSecured({
      socket,
      origin,
      serverName: typeof socket.servername === 'string' ? socket.servername.toLowerCase() : '',
      certificate: socket.getPeerX509Certificate()?.raw ?? null,
      protocol: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null,
      hold: (holder) => {
        if (said) throw new TypeError('a connection is held once')
        said = true
        return this.#hold(socket, origin, holder)
      },
    })
    // Whoever forgets to say it must not make a door without limits.
    const settle = (): void => {
      if (!said) this.#hold(socket, origin, null)
    }
    if (taken === undefined) settle()
    else {
      taken.then(settle, (error: unknown) => {
        this.#options.log.error({ error: errorMessage(error) }, 'a connection was not taken')
        socket.destroy()
      })
    }
  }

  #hold(socket: TLSSocket, { address }: ConnectionOrigin, holder: string | null): boolean {
    const back =
      holder === null ? this.#strangers.take(addressKey(address)) : this.#known.take(holder)
    if (back === null || socket.destroyed) {
      back?.()
      socket.destroy()
      return false
    }
    socket.once('close', back)
    return true
  }
}

/** A record that was altered, or that is not the next one: what a gateway that is not honest does (RFC 8446, 5.2). */
const BAD_RECORD_MAC = 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'

type ContextFacts = ServerPair & { readonly minVersion: 'TLSv1.2' | 'TLSv1.3' }

/** A context for one of our own servers; see `createTlsDoor` for what it must not do. */
export const createServerContext = (facts: ContextFacts): SecureContext =>
  createSecureContext(contextOptions(facts))

const contextOptions = ({ key, certificate, minVersion }: ContextFacts): SecureContextOptions => ({
  key,
  cert: certificate,
  minVersion,
  ca: [],
  secureOptions: constants.SSL_OP_NO_TICKET,
})
