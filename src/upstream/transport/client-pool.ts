import type { Socket } from 'node:net'
import { Client, errors } from 'undici'
import { DirectReads } from './direct-reads.ts'

/** One client of undici, with at most one connection at a time. */
export interface PooledClient {
  readonly client: Client
  /** Those of its connection. */
  readonly reads: DirectReads
}

export interface ClientPoolOptions {
  readonly origin: string
  readonly client: Omit<Client.Options, 'connect'>
  readonly connect: (reads: DirectReads) => Promise<Socket>
}

/**
 * Connections that wait for a request, and those that carry one. undici's own pool looks at every connection for each
 * request, and takes 16 KB for its queue, of which we need none: who may send is decided before.
 */
export class ClientPool {
  readonly #options: ClientPoolOptions
  /** Every client that has not ended. */
  readonly #all = new Set<Client>()
  /** The one that was used last is the next: the others may grow old and close. */
  readonly #idle: PooledClient[] = []
  #closed: Error | null = null

  constructor(options: ClientPoolOptions) {
    this.#options = options
  }

  /** A client for one request, to be given back. Throws once the pool is closed. */
  take(): PooledClient {
    return this.#idle.pop() ?? this.takeFresh()
  }

  /** The same, on a connection that is made for it. */
  takeFresh(): PooledClient {
    if (this.#closed !== null) throw this.#closed
    const { origin, client: options, connect } = this.#options
    const pooled = {
      client: new Client(origin, { ...options, connect: connectNow }),
      reads: new DirectReads(),
    }
    function connectNow(
      _options: object,
      callback: (...result: [Error, null] | [null, Socket]) => void,
    ): void {
      // What an earlier connection left unread is not of this one.
      pooled.reads = new DirectReads()
      connect(pooled.reads).then(
        (socket) => callback(null, socket),
        (error: unknown) =>
          callback(error instanceof Error ? error : new Error(String(error)), null),
      )
    }
    this.#all.add(pooled.client)
    // A client without its connection would make another for its next request; making them is ours to do.
    pooled.client.on('disconnect', () => this.drop(pooled))
    pooled.client.on('connectionError', () => this.drop(pooled))
    return pooled
  }

  /** Its request has got its whole answer. */
  give(pooled: PooledClient): void {
    if (!pooled.client.closed && !pooled.client.destroyed) this.#idle.push(pooled)
  }

  /** It is not to be used again. What it was given meanwhile it still brings to its end. */
  drop(pooled: PooledClient): void {
    const { client } = pooled
    const index = this.#idle.lastIndexOf(pooled)
    if (index !== -1) this.#idle.splice(index, 1)
    if (client.closed || client.destroyed) return
    client.close().then(
      () => this.#all.delete(client),
      () => this.#all.delete(client),
    )
  }

  /** Takes no new requests; resolves when those underway have ended. */
  async close(): Promise<void> {
    this.#closed ??= new errors.ClientClosedError()
    this.#idle.length = 0
    await Promise.all([...this.#all].map((client) => client.close()))
  }

  async destroy(): Promise<void> {
    this.#closed = new errors.ClientDestroyedError()
    this.#idle.length = 0
    await Promise.all([...this.#all].map((client) => client.destroy()))
  }
}
