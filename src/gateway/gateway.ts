import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { addressKey, errorCode, errorMessage, type Logger } from '../core/index.ts'
import { type AlertName, type DialBackTicket, tlsAlert } from '../protocol/index.ts'
import { defaultGatewayLimits, type GatewayLimits, KEEP_ALIVE_AFTER_MS } from './limits.ts'
import { pipeBothWays } from './pipe.ts'
import type { DialBacks, Origin, Route, Router } from './ports.ts'
import { type Beginning, readHello } from './read-hello.ts'

export interface GatewayStats {
  readonly pendingHellos: number
  readonly connections: number
  /** Connections that were turned away, by reason. */
  readonly refused: Readonly<Record<string, number>>
  readonly bytesUp: number
  readonly bytesDown: number
}

export interface Gateway {
  /**
   * Takes a fresh socket, made with `allowHalfOpen` so that an end in one direction does not end the other; or a stream that
   * somebody else has carried here, who says whose it is: no PROXY header is expected then.
   */
  handle(stream: Duplex, from?: Origin): void
  stats(): GatewayStats
  /** Refuses what is not routed yet, lets pipes end, and cuts them after `graceMs`. */
  close(graceMs: number): Promise<void>
}

type Refusal =
  | 'busy'
  | 'busyAddress'
  | 'hello'
  | 'timeout'
  | 'unknownName'
  | 'dial'
  | 'dialBack'
  | 'closing'

const PLAIN_HTTP_ANSWER =
  'HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\nThis port speaks TLS: use https.\n'

/**
 * The public door. It reads the ClientHello, asks the router, and from then on moves ciphertext: it has no key, so it can
 * neither read nor change what it carries.
 */
export function createGateway(options: {
  readonly router: Router
  readonly log: Logger
  /** True: every connection begins with a PROXY header, as a load balancer in front sends it. */
  readonly proxyProtocol: boolean
  /** Not given: agents do not dial back here. */
  readonly dialBacks?: DialBacks
  readonly limits?: Partial<GatewayLimits>
}): Gateway {
  return new TlsGateway(options)
}

class TlsGateway implements Gateway {
  readonly #router: Router
  readonly #log: Logger
  readonly #proxyProtocol: boolean
  readonly #dialBacks: DialBacks | null
  readonly #limits: GatewayLimits
  readonly #pending = new Map<Duplex, (reason: Error) => void>()
  readonly #pendingByAddress = new Map<string, number>()
  readonly #routed = new Set<Duplex>()
  readonly #piped = new Set<Duplex>()
  readonly #refused: Record<string, number> = {}
  readonly #closing = new AbortController()
  #bytesUp = 0
  #bytesDown = 0

  constructor(options: Parameters<typeof createGateway>[0]) {
    this.#router = options.router
    this.#log = options.log
    this.#proxyProtocol = options.proxyProtocol
    this.#dialBacks = options.dialBacks ?? null
    this.#limits = { ...defaultGatewayLimits, ...options.limits }
  }

  handle(socket: Duplex, from?: Origin): void {
    const peer: Origin = from ?? peerOf(socket)
    const address = addressKey(peer.address)
    // Until somebody else takes over, an error only ends this socket.
    socket.on('error', ignore)
    const full = this.#whyFull(address)
    if (full !== null) {
      this.#count(full)
      socket.destroy()
      return
    }
    if (socket instanceof Socket) {
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS)
    }
    const proxyProtocol = this.#proxyProtocol && from === undefined
    const dialBacks = this.#dialBacks !== null
    const giveUp = readHello(socket, { proxyProtocol, dialBacks }, (outcome) => {
      clearTimeout(timer)
      this.#leave(socket, address)
      if (outcome instanceof Error) this.#refuseHello(socket, outcome)
      else this.#begin(socket, outcome, peer)
    })
    const timer = setTimeout(() => giveUp(new HelloTimeout()), this.#limits.helloTimeoutMs)
    this.#enter(socket, address, giveUp)
  }

  stats(): GatewayStats {
    return {
      pendingHellos: this.#pending.size,
      connections: this.#routed.size,
      refused: { ...this.#refused },
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#closing.abort()
    for (const giveUp of this.#pending.values()) giveUp(new Error('closing'))
    const deadline = AbortSignal.timeout(graceMs)
    // Sockets that were handed over are drained by those who took them.
    while (this.#piped.size > 0 && !deadline.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    for (const socket of this.#piped) socket.destroy()
  }

  #whyFull(address: string): Refusal | null {
    if (this.#closing.signal.aborted) return 'closing'
    if (this.#pending.size >= this.#limits.maxPendingHellos) return 'busy'
    if (this.#routed.size >= this.#limits.maxConnections) return 'busy'
    const ofAddress = this.#pendingByAddress.get(address) ?? 0
    // Behind a load balancer all connections come from its address.
    if (!this.#proxyProtocol && ofAddress >= this.#limits.maxPendingHellosPerAddress)
      return 'busyAddress'
    return null
  }

  #enter(socket: Duplex, address: string, giveUp: (reason: Error) => void): void {
    this.#pending.set(socket, giveUp)
    this.#pendingByAddress.set(address, (this.#pendingByAddress.get(address) ?? 0) + 1)
  }

  #leave(socket: Duplex, address: string): void {
    this.#pending.delete(socket)
    const rest = (this.#pendingByAddress.get(address) ?? 1) - 1
    if (rest === 0) this.#pendingByAddress.delete(address)
    else this.#pendingByAddress.set(address, rest)
  }

  #begin(socket: Duplex, beginning: Beginning, peer: Origin): void {
    // One that has closed meanwhile would never say so again, and be counted for ever.
    if (socket.destroyed) return
    if (beginning.kind === 'hello') this.#route(socket, beginning, beginning.source ?? peer)
    else this.#takeDialBack(socket, beginning.ticket)
  }

  #takeDialBack(socket: Duplex, ticket: DialBackTicket): void {
    // Carried inside something else none comes.
    if (socket instanceof Socket && this.#dialBacks?.acceptDialBack(socket, ticket) === true) {
      socket.off('error', ignore)
      return
    }
    // Why is nobody's business.
    this.#count('dialBack')
    socket.destroy()
  }

  #route(
    socket: Duplex,
    { hello, bytes }: Extract<Beginning, { kind: 'hello' }>,
    origin: Origin,
  ): void {
    this.#routed.add(socket)
    socket.once('close', () => this.#routed.delete(socket))
    this.#go(socket, bytes, origin, this.#router.route(hello))
  }

  #go(socket: Duplex, bytes: Buffer, origin: Origin, route: Route): void {
    switch (route.kind) {
      case 'none':
        this.#refuse(socket, 'unknownName', 'unrecognized_name')
        return
      case 'local':
        // The bytes go back, and whoever takes the socket finds it as if nobody had looked.
        socket.unshift(bytes)
        socket.off('error', ignore)
        route.accept(socket, origin)
        return
      case 'pipe':
        void this.#pipe(socket, bytes, origin, route)
    }
  }

  async #pipe(
    socket: Duplex,
    bytes: Buffer,
    origin: Origin,
    { dial, sendsHello = false, otherwise }: Extract<Route, { kind: 'pipe' }>,
  ): Promise<void> {
    // One signal and one timer, gone when the far end is there: there are thousands of connections a second.
    const abort = new AbortController()
    const onGone = (): void => abort.abort(CLIENT_GONE)
    socket.once('close', onGone)
    const timer = setTimeout(() => abort.abort(DIAL_TIMEOUT), this.#limits.dialTimeoutMs)
    let server: Duplex
    try {
      server = await dial(origin, abort.signal, bytes, socket)
      // It would say no more that it has closed.
      if (server.destroyed) throw new Error('the far end closed the connection at once')
    } catch (error) {
      this.#log.warn(
        { error: errorMessage(error) },
        'cannot reach the service behind a server name',
      )
      if (otherwise !== undefined && !socket.destroyed && !this.#closing.signal.aborted) {
        this.#go(socket, bytes, origin, otherwise)
        return
      }
      this.#refuse(socket, 'dial', 'internal_error')
      return
    } finally {
      clearTimeout(timer)
      socket.off('close', onGone)
    }
    if (socket.destroyed || this.#closing.signal.aborted) {
      server.on('error', ignore)
      server.destroy()
      socket.destroy()
      return
    }
    this.#piped.add(socket)
    socket.once('close', () => this.#piped.delete(socket))
    socket.off('error', ignore)
    this.#bytesUp += bytes.length
    if (!sendsHello) server.write(bytes)
    pipeBothWays(socket, server, {
      counters: {
        up: (count) => {
          this.#bytesUp += count
        },
        down: (count) => {
          this.#bytesDown += count
        },
      },
      lingerMs: this.#limits.lingerMs,
      lastBytesMs: this.#limits.lastBytesMs,
    })
  }

  #refuseHello(socket: Duplex, error: unknown): void {
    if (error instanceof HelloTimeout) {
      this.#count('timeout')
      socket.destroy()
      return
    }
    this.#log.debug({ error: errorMessage(error) }, 'connection without a ClientHello')
    switch (errorCode(error)) {
      case 'DIAL_BACK_MALFORMED':
        this.#count('dialBack')
        socket.destroy()
        return
      case 'HELLO_PLAIN_HTTP':
        this.#count('hello')
        this.#lastWords(socket, PLAIN_HTTP_ANSWER)
        return
      case 'HELLO_MALFORMED':
      case 'HELLO_TOO_LARGE':
        this.#refuse(socket, 'hello', 'decode_error')
        return
      default:
        this.#count('hello')
        socket.destroy()
    }
  }

  #refuse(socket: Duplex, reason: Refusal, alert: AlertName): void {
    this.#count(reason)
    this.#lastWords(socket, tlsAlert(alert))
  }

  /** Ends our half and reads on for a moment: a reset would overtake the words. */
  #lastWords(socket: Duplex, words: string | Buffer): void {
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs)
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

  #count(reason: Refusal): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1
  }
}

class HelloTimeout extends Error {
  constructor() {
    super('no ClientHello in time')
  }
}

const peerOf = (socket: Duplex): Origin =>
  socket instanceof Socket
    ? { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    : { address: '', port: 0 }

/** Made once: where they come from is known, and a stack for each connection would cost more than the rest. */
const CLIENT_GONE = new Error('the client is gone')
const DIAL_TIMEOUT = new Error('nobody answered in time')

const ignore = (): void => {}
