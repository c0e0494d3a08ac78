import type { Socket } from 'node:net'
import type { Clock, Logger } from '../core/index.ts'
import type { TlsMaterial } from './credentials/tls-material.ts'
import type { UpstreamLimits } from './limits.ts'
import { type KubeTarget, originOf } from './target.ts'
import { dial } from './transport/dial.ts'
import type { Exchange } from './transport/exchange.ts'
import { Http1Transport } from './transport/http1-transport.ts'
import { Http2Transport } from './transport/http2-transport.ts'
import type { Dial } from './transport/transport.ts'

export interface ConnectionsOptions {
  readonly target: KubeTarget
  readonly tls: TlsMaterial | null
  readonly limits: UpstreamLimits
  readonly clock: Clock
  readonly log: Logger
}

/** All pooled connections to one API server that were made with the same certificates. */
export class Connections implements AsyncDisposable {
  readonly #short: Http1Transport
  /** Watches of servers without HTTP/2, each on a connection of its own. */
  readonly #long: Http1Transport
  /** Null for `http://`: without TLS there is no ALPN. */
  readonly #shared: Http2Transport | null
  readonly #sockets = new Set<Socket>()

  constructor({ target, tls, limits, clock, log }: ConnectionsOptions) {
    const dialTarget: Dial = async (alpn, signal, reads) => {
      const socket = await dial({ target, tls, alpn, limits, signal, reads })
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      return socket
    }
    const shared = { origin: originOf(target), cluster: target.name, dial: dialTarget, limits }
    this.#short = new Http1Transport({ ...shared, maxActive: limits.maxActiveRequests })
    this.#long = new Http1Transport({ ...shared, maxActive: limits.maxOpenRequests })
    const { host: authority, name: cluster } = target
    this.#shared = target.secure
      ? new Http2Transport({ authority, cluster, dial: dialTarget, limits, clock, log })
      : null
  }

  /** Every connection that is open, idle ones included. */
  get sockets(): ReadonlySet<Socket> {
    return this.#sockets
  }

  send(exchange: Exchange, path: string, headers: string[]): void {
    const { longRunning, body } = exchange.request
    if (!longRunning) {
      this.#short.send(exchange, path, headers)
    } else if (this.#shared === null || body !== null) {
      this.#long.send(exchange, path, headers)
    } else {
      this.#shared.send(exchange, path, headers, () => this.#long.send(exchange, path, headers))
    }
  }

  /** Takes no new requests and resolves when those underway have ended, watches after hours. */
  async drain(): Promise<void> {
    await Promise.all([this.#short.drain(), this.#long.drain(), this.#shared?.drain()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.#short[Symbol.asyncDispose](),
      this.#long[Symbol.asyncDispose](),
      this.#shared?.[Symbol.asyncDispose](),
    ])
  }
}
