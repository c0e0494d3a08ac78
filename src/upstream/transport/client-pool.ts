import { Client, errors } from 'undici'

/**
 * Connections that wait for a request, and those that carry one. undici's own pool looks at every connection for each
 * request, and takes 16 KB for its queue, of which we need none: who may send is decided before.
 */
export class ClientPool {
  readonly #origin: string
  readonly #options: Client.Options
  /** Every client that has not ended. */
  readonly #all = new Set<Client>()
  /** The one that was used last is the next: the others may grow old and close. */
  readonly #idle: Client[] = []
  #closed: Error | null = null

  constructor(origin: string, options: Client.Options) {
    this.#origin = origin
    this.#options = options
  }

  /** A client for one request, to be given back. Throws once the pool is closed. */
  take(): Client {
    return this.#idle.pop() ?? this.takeFresh()
  }

  /** The same, on a connection that is made for it. */
  takeFresh(): Client {
    if (this.#closed !== null) throw this.#closed
    const client = new Client(this.#origin, this.#options)
    this.#all.add(client)
    // A client without its connection would make another for its next request; making them is ours to do.
    client.on('disconnect', () => this.drop(client))
    client.on('connectionError', () => this.drop(client))
    return client
  }

  /** Its request has got its whole answer. */
  give(client: Client): void {
    if (!client.closed && !client.destroyed) this.#idle.push(client)
  }

  /** It is not to be used again. What it was given meanwhile it still brings to its end. */
  drop(client: Client): void {
    const index = this.#idle.lastIndexOf(client)
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
