import { TLSSocket } from 'node:tls'
import type { Clock, Logger } from '../../core/index.ts'
import type { UpstreamLimits } from '../limits.ts'
import { describeBroken } from './describe-broken.ts'
import type { Exchange } from './exchange.ts'
import { Http2Session } from './http2-session.ts'
import type { Dial } from './transport.ts'

export interface Http2Options {
  readonly cluster: string
  /** The `:authority` of requests. */
  readonly authority: string
  readonly dial: Dial
  readonly limits: UpstreamLimits
  readonly clock: Clock
  readonly log: Logger
}

/** A server that shuts down refuses streams without having looked at them, and so may the next one behind a balancer. */
const maxAttempts = 3

/** Long-running requests as streams of shared HTTP/2 connections; a new connection when the others are full. */
export class Http2Transport implements AsyncDisposable {
  readonly #options: Http2Options
  readonly #sessions = new Set<Http2Session>()
  readonly #closing = new AbortController()
  #opening: { readonly session: Promise<Http2Session | null>; claims: number } | null = null
  #refusedUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: Http2Options) {
    this.#options = options
  }

  /** Open connections. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** Open streams on all of them. */
  get streams(): number {
    let streams = 0
    for (const session of this.#sessions) streams += session.streams
    return streams
  }

  /**
   * Sends a request without body.
   *
   * @param fallback called, before anything was sent, when the server offers no HTTP/2 or the request does not fit into it.
   */
  send(
    exchange: Exchange,
    path: string,
    headers: readonly string[],
    fallback: () => void,
    attempt = 1,
  ): void {
    const { cluster } = this.#options
    const retry = (error: Error): void => {
      if (attempt >= maxAttempts) exchange.fail(describeBroken(error, cluster))
      else this.send(exchange, path, headers, fallback, attempt + 1)
    }
    const start = (session: Http2Session | null): void => {
      if (exchange.settled) session?.release()
      else if (session === null) fallback()
      else if (!session.start(exchange, path, headers, retry)) fallback()
    }
    this.#claim()
      .then(start)
      .catch((error: unknown) => {
        exchange.fail(describeBroken(error, cluster))
      })
  }

  async drain(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.drain()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#sessions].map((session) => session.destroy()))
  }

  /** A session with a stream taken for the caller; null when the server offers no HTTP/2. */
  async #claim(): Promise<Http2Session | null> {
    for (;;) {
      for (const session of this.#sessions) if (session.claim()) return session
      if (this.#options.clock.now() < this.#refusedUntilMs) return null
      const opening = this.#openingWithRoom()
      opening.claims += 1
      const session = await opening.session
      if (session === null) return null
      if (session.claim()) return session
    }
  }

  /** One connection is opened for as many as fit on it: a thousand watches that start together make ten, not a thousand. */
  #openingWithRoom(): { readonly session: Promise<Http2Session | null>; claims: number } {
    const last = this.#opening
    if (last !== null && last.claims < this.#options.limits.maxStreamsPerSession) return last
    const opening = { session: this.#open(), claims: 0 }
    this.#opening = opening
    const done = (): void => {
      if (this.#opening === opening) this.#opening = null
    }
    opening.session.then(done, done)
    return opening
  }

  async #open(): Promise<Http2Session | null> {
    const { dial, limits, clock, log, cluster, authority } = this.#options
    const socket = await dial(['h2', 'http/1.1'], this.#closing.signal)
    if (!(socket instanceof TLSSocket) || socket.alpnProtocol !== 'h2') {
      socket.destroy()
      this.#refusedUntilMs = clock.now() + limits.http2RecheckMs
      log.info({}, 'the API server offers no HTTP/2: each watch gets a connection of its own')
      return null
    }
    const session = await Http2Session.open(socket, {
      cluster,
      authority,
      limits,
      onClosed: (closed) => this.#sessions.delete(closed),
    })
    if (this.#closing.signal.aborted) await session.destroy()
    else this.#sessions.add(session)
    return session
  }
}
