import type { ProxyHeartbeatRequest } from '../../contract/index.ts'
import { errorMessage, type Logger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { PROXY_HEARTBEAT_MS } from './limits.ts'

/** Where a proxy is reached. */
export type ProxyWord = Omit<ProxyHeartbeatRequest, 'version' | 'since_ms'>

/**
 * Says where a proxy is, every few seconds, and hears where kubernetes services are that wait to be dialled. While the auth
 * service is not reached the last answer counts. Nothing here rejects: a proxy serves as well while nobody hears of it.
 */
export class ProxyHeartbeats implements Disposable {
  readonly #call: MemberCall
  readonly #beat: ProxyHeartbeatRequest
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #direct: ReadonlyMap<string, readonly string[]> = new Map()
  #sending: Promise<void> | null = null
  #failing = false
  #stopped = false

  constructor(options: {
    readonly call: MemberCall
    readonly version: string
    /** Milliseconds since the epoch. */
    readonly startedMs: number
    readonly word: ProxyWord
    readonly log: Logger
  }) {
    this.#call = options.call
    this.#beat = { ...options.word, version: options.version, since_ms: options.startedMs }
    this.#log = options.log
    this.#timer = setInterval(() => void this.say(), PROXY_HEARTBEAT_MS)
  }

  /** host:port of the kubernetes services that serve a cluster and are dialled; those that are well first. */
  addressesOf(serverName: string): readonly string[] {
    return this.#direct.get(serverName) ?? []
  }

  /** Resolves when it was said, or could not be said. */
  async say(): Promise<void> {
    if (this.#stopped) return
    this.#sending ??= this.#send(this.#beat).finally(() => {
      this.#sending = null
    })
    await this.#sending
  }

  /** Agents are to go elsewhere: the first step of a drain. Nothing is said afterwards. */
  async withdraw(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#sending
    await this.#send({ ...this.#beat, tunnel_addresses: [] })
  }

  [Symbol.dispose](): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  async #send(beat: ProxyHeartbeatRequest): Promise<void> {
    try {
      const { direct } = await this.#call('member.proxy_heartbeat', { body: beat })
      this.#direct = new Map(direct.map((one) => [one.server_name, one.addresses]))
      if (this.#failing) this.#log.info({}, 'the auth service hears of this proxy again')
      this.#failing = false
    } catch (error) {
      if (!this.#failing) {
        this.#log.warn(
          { error: errorMessage(error) },
          'the auth service does not hear where this proxy is: trying on',
        )
      }
      this.#failing = true
    }
  }
}
