import { readFile } from 'node:fs/promises'
import type { ProxyHeartbeatRequest, ResponseOf } from '../../contract/index.ts'
import { errorCode, errorMessage, type Logger } from '../../core/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import type { MemberCall } from '../ports.ts'
import { PROXY_HEARTBEAT_MS } from './limits.ts'

/** Where a proxy is reached. */
export type ProxyWord = Omit<ProxyHeartbeatRequest, 'version' | 'since_ms'>

interface Options {
  readonly call: MemberCall
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly startedMs: number
  readonly word: ProxyWord
  /** The file that keeps the last answer. */
  readonly path: string
  readonly log: Logger
}

/** Kubernetes services that wait to be dialled. */
type Direct = ResponseOf<'member.proxy_heartbeat'>['direct']

/**
 * Says where a proxy is, every few seconds, and hears where kubernetes services are that wait to be dialled. While the auth
 * service is not reached the last answer counts, after a restart too: it is kept on disk (0600), and whoever is dialled by it
 * proves himself as ever. Nothing here rejects: a proxy serves as well while nobody hears of it.
 */
export class ProxyHeartbeats implements Disposable {
  readonly #call: MemberCall
  readonly #beat: ProxyHeartbeatRequest
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  readonly #path: string
  #direct: ReadonlyMap<string, readonly string[]> = new Map()
  /** What the file holds. */
  #kept: string
  #sending: Promise<void> | null = null
  #failing = false
  #stopped = false

  static async open(options: Options): Promise<ProxyHeartbeats> {
    return new ProxyHeartbeats(options, await readKept(options))
  }

  private constructor(options: Options, kept: Direct) {
    this.#call = options.call
    this.#beat = { ...options.word, version: options.version, since_ms: options.startedMs }
    this.#path = options.path
    this.#log = options.log
    this.#kept = JSON.stringify(kept)
    this.#direct = addressesIn(kept)
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
      this.#direct = addressesIn(direct)
      await this.#keep(direct)
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

  async #keep(direct: Direct): Promise<void> {
    const text = JSON.stringify(direct)
    if (text === this.#kept) return
    try {
      await writePrivateFile(this.#path, text)
      this.#kept = text
    } catch (error) {
      this.#log.warn(
        { file: this.#path, error: errorMessage(error) },
        'where kubernetes services are dialled is not kept',
      )
    }
  }
}

const addressesIn = (direct: Direct): ReadonlyMap<string, readonly string[]> =>
  new Map(direct.map((one) => [one.server_name, one.addresses]))

async function readKept({ path, log }: Pick<Options, 'path' | 'log'>): Promise<Direct> {
  try {
    const kept: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (!isDirect(kept)) throw new Error('it is something else')
    return kept
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      log.warn({ file: path, error: errorMessage(error) }, 'what was kept is not used')
    }
    return []
  }
}

const isDirect = (value: unknown): value is Direct =>
  Array.isArray(value) &&
  value.every((one: Partial<Direct[number]> | null) => {
    const { server_name: name, addresses } = one ?? {}
    const areTexts = Array.isArray(addresses) && addresses.every((text) => typeof text === 'string')
    return typeof name === 'string' && areTexts
  })
