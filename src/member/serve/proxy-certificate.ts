import { readFile } from 'node:fs/promises'
import type { SecureContext } from 'node:tls'
import { type Clock, errorCode, errorMessage, type Logger } from '../../core/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import type { ServerPair } from '../../tls/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../x509/index.ts'
import type { MemberIdentity } from '../identity/types.ts'
import type { MemberCall } from '../ports.ts'
import { type Certified, certified, isDue } from './certified.ts'
import { CERTIFICATE_LOOK_MS } from './limits.ts'

interface Options {
  readonly identity: Pick<MemberIdentity, 'current'>
  readonly call: MemberCall
  /** The names and addresses of this proxy. */
  readonly names: readonly string[]
  readonly addresses: readonly string[]
  /** The file in which key and certificate are kept. */
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
}

/**
 * A proxy's own certificate of the host CA: for agents that dial in, and for browsers where the administrator gave none. Its key
 * never leaves this machine; it is renewed at half of its life, and kept on disk (0600), so that a restart without the auth
 * service serves.
 */
export class ProxyCertificate implements Disposable {
  readonly #options: Options
  readonly #timer: NodeJS.Timeout
  readonly #listeners = new Set<() => void>()
  #certified: Certified

  private constructor(options: Options, certified: Certified) {
    this.#options = options
    this.#certified = certified
    this.#timer = setInterval(() => void this.#look(), CERTIFICATE_LOOK_MS)
    this.#timer.unref()
  }

  /** Rejects when there is none from before and the auth service gives none now. */
  static async open(options: Options): Promise<ProxyCertificate> {
    const stored = await readStored(options)
    const certificate = new ProxyCertificate(options, stored ?? (await ask(options)))
    void certificate.#look()
    return certificate
  }

  secureContext(): SecureContext {
    return this.#certified.context
  }

  pair(): ServerPair {
    return this.#certified.pair
  }

  /** Calls back after each renewal, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options
    if (!isDue(this.#certified, clock.now())) return
    try {
      this.#certified = await ask(this.#options)
      for (const listener of this.#listeners) listener()
    } catch (error) {
      log.warn({ error: errorMessage(error) }, "the proxy's certificate is not renewed: trying on")
    }
  }
}

async function ask({ call, names, addresses, path, identity }: Options): Promise<Certified> {
  const { privateKey, publicKey } = await generateKeyPair()
  const answer = await call('member.proxy_certificate', {
    body: {
      public_key: publicKeyToPem(publicKey),
      names: [...names],
      addresses: [...addresses],
    },
  })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const own = take({ key, certificate: answer.certificate }, identity.current().hostCaPem)
  await writePrivateFile(path, JSON.stringify({ version: 1, ...own.pair }))
  return own
}

/** Browsers come to this name as well. */
const take = (pair: ServerPair, hostCaPem: string): Certified =>
  certified(pair, { hostCaPem, minVersion: 'TLSv1.2' })

/** What an earlier process left, when it still counts and is for the same names. */
async function readStored(options: Options): Promise<Certified | null> {
  const { path, identity, names, addresses, clock, log } = options
  try {
    const stored = JSON.parse(await readFile(path, 'utf8')) as ServerPair
    const own = take(
      { key: stored.key, certificate: stored.certificate },
      identity.current().hostCaPem,
    )
    const { certificate } = own
    const same =
      names.every((name) => certificate.checkHost(name, { subject: 'never' }) !== undefined) &&
      addresses.every((address) => certificate.checkIP(address) !== undefined)
    return same && clock.now() < own.notAfterMs ? own : null
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      log.warn({ file: path, error: errorMessage(error) }, 'a stored certificate is not used')
    }
    return null
  }
}
