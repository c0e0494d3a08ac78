import { ApiClient, ClientError } from '../client/index.ts'
import type { BodyOf, EndpointName, ParamsOf, QueryOf, ResponseOf } from '../contract/index.ts'
import { authServerName } from '../protocol/index.ts'
import type { MemberIdentity } from './identity/types.ts'
import type { MemberRoute } from './route.ts'

interface MemberCall<N extends EndpointName> {
  readonly params?: ParamsOf<N>
  readonly query?: QueryOf<N>
  readonly body?: BodyOf<N>
}

/** A client that is closed when it is replaced and its last call is over. */
interface Lease {
  readonly client: ApiClient
  calls: number
  replaced: boolean
}

/** Calls the auth service as the member that this process is, with the certificate of the moment, by whatever address answers. */
export class MemberApi implements Disposable {
  readonly #identity: MemberIdentity
  readonly #route: MemberRoute
  readonly #timeoutMs: number | undefined
  readonly #unsubscribe: () => void
  readonly #stop = new AbortController()
  #lease: Lease | null = null
  /** Which address answered last. */
  #at = 0

  constructor(identity: MemberIdentity, route: MemberRoute, options: { timeoutMs?: number } = {}) {
    this.#identity = identity
    this.#route = route
    this.#timeoutMs = options.timeoutMs
    this.#unsubscribe = identity.onChange(() => this.#replace())
  }

  /** Rejects as ApiClient.call does, CONNECT_FAILED when no address answers, or when there are to be no more calls. */
  async call<N extends EndpointName>(name: N, input: MemberCall<N>): Promise<ResponseOf<N>> {
    const { addresses } = this.#route
    const { signal } = this.#stop
    for (let tried = 1; ; tried += 1) {
      signal.throwIfAborted()
      const lease = this.#take()
      try {
        return await lease.client.call(name, input as Parameters<typeof lease.client.call<N>>[1])
      } catch (error) {
        const gone = error instanceof ClientError && error.code === 'CONNECT_FAILED'
        if (!gone || signal.aborted) throw error
        if (this.#lease === lease) {
          this.#at = (this.#at + 1) % addresses.length
          this.#replace()
        }
        if (tried >= addresses.length) throw error
      } finally {
        lease.calls -= 1
        closeIfDone(lease)
      }
    }
  }

  /** Ends calls underway, too, whichever certificate or address they began with. */
  [Symbol.dispose](): void {
    this.#unsubscribe()
    this.#stop.abort(new ClientError('CONNECT_FAILED', 'there are to be no more calls'))
    this.#lease?.client[Symbol.dispose]()
    this.#lease = null
  }

  #take(): Lease {
    const lease = this.#lease ?? { client: this.#open(), calls: 0, replaced: false }
    this.#lease = lease
    lease.calls += 1
    return lease
  }

  #open(): ApiClient {
    const { host, port } = this.#route.addresses[this.#at] ?? { host: '', port: 0 }
    const { certificatePem, privateKeyPem, hostCaPem } = this.#identity.current()
    return new ApiClient({
      host,
      port,
      serverName: authServerName(this.#identity.teleportCluster),
      hostCa: hostCaPem,
      certificate: certificatePem,
      privateKey: privateKeyPem,
      dial: this.#route.way ?? this.#route.dial,
      signal: this.#stop.signal,
      ...(this.#timeoutMs === undefined ? {} : { timeoutMs: this.#timeoutMs }),
    })
  }

  /** Calls underway go on; the next ones begin with the certificate and the address of now. */
  #replace(): void {
    const lease = this.#lease
    this.#lease = null
    if (lease === null) return
    lease.replaced = true
    closeIfDone(lease)
  }
}

function closeIfDone({ client, calls, replaced }: Lease): void {
  if (replaced && calls === 0) client[Symbol.dispose]()
}
