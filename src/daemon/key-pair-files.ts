import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { SecureContext } from 'node:tls'
import { type Clock, errorMessage, type Logger } from '../core/index.ts'
import { createServerContext, type ServerPair } from '../tls/index.ts'

/** A volume of a Secret and a renewal by cron both show within this time; reading two small files costs nothing at that pace. */
const LOOK_EVERY_MS = 60_000

/**
 * The administrator's key and certificate for the web port, read again when they are renewed. What cannot be used (half of it
 * written, a key of another certificate) is logged, and the pair before goes on.
 */
export class KeyPairFiles {
  readonly #read: () => Promise<ServerPair>
  readonly #clock: Clock
  readonly #log: Logger
  #pair: ServerPair
  #context: SecureContext
  #lookedMs: number

  private constructor(options: {
    read: () => Promise<ServerPair>
    pair: ServerPair
    clock: Clock
    log: Logger
  }) {
    this.#read = options.read
    this.#clock = options.clock
    this.#log = options.log
    this.#pair = options.pair
    this.#context = contextOf(options.pair)
    this.#lookedMs = options.clock.now()
  }

  /** Rejects when there is no usable pair at start. */
  static async open(
    files: { readonly keyFile: string; readonly certFile: string },
    clock: Clock,
    log: Logger,
  ): Promise<KeyPairFiles> {
    const read = async (): Promise<ServerPair> => ({
      key: await readFile(files.keyFile, 'utf8'),
      certificate: await readFile(files.certFile, 'utf8'),
    })
    return new KeyPairFiles({ read, pair: await read(), clock, log })
  }

  async pair(): Promise<ServerPair> {
    await this.#look()
    return this.#pair
  }

  async secureContext(): Promise<SecureContext> {
    await this.#look()
    return this.#context
  }

  async #look(): Promise<void> {
    const nowMs = this.#clock.now()
    if (nowMs - this.#lookedMs < LOOK_EVERY_MS) return
    this.#lookedMs = nowMs
    try {
      const pair = await this.#read()
      if (pair.key === this.#pair.key && pair.certificate === this.#pair.certificate) return
      if (!belongTogether(pair)) throw new Error('the key is not that of the certificate')
      this.#context = contextOf(pair)
      this.#pair = pair
      this.#log.info({}, 'the web port has a new certificate')
    } catch (error) {
      this.#log.error(
        { error: errorMessage(error) },
        'the files of the web certificate cannot be used: the one before goes on',
      )
    }
  }
}

const contextOf = (pair: ServerPair): SecureContext =>
  createServerContext({ ...pair, minVersion: 'TLSv1.2' })

/** OpenSSL would say so only when somebody connects. */
const belongTogether = ({ key, certificate }: ServerPair): boolean =>
  new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
