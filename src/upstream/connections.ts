import type { Clock, Logger } from '../core/index.ts'
import type { TlsMaterial } from './credentials/tls-material.ts'
import type { UpstreamLimits } from './limits.ts'
import { type KubeTarget, originOf } from './target.ts'
import { dial } from './transport/dial.ts'
import type { Exchange } from './transport/exchange.ts'
import { Http1Transport } from './transport/http1-transport.ts'
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
  readonly #long: Http1Transport

  constructor({ target, tls, limits }: ConnectionsOptions) {
    const dialTarget: Dial = (alpn, signal) => dial({ target, tls, alpn, limits, signal })
    const shared = { origin: originOf(target), cluster: target.name, dial: dialTarget, limits }
    this.#short = new Http1Transport({ ...shared, maxActive: limits.maxActiveRequests })
    this.#long = new Http1Transport({ ...shared, maxActive: limits.maxOpenRequests })
  }

  send(exchange: Exchange, path: string, headers: string[]): void {
    if (exchange.request.longRunning) this.#long.send(exchange, path, headers)
    else this.#short.send(exchange, path, headers)
  }

  /** Takes no new requests and resolves when those underway have ended, watches after hours. */
  async drain(): Promise<void> {
    await Promise.all([this.#short.drain(), this.#long.drain()])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#short[Symbol.asyncDispose](), this.#long[Symbol.asyncDispose]()])
  }
}
