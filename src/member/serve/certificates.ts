import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { SecureContext } from 'node:tls'
import { type Clock, errorCode, errorMessage, fileWords, type Logger } from '../../core/index.ts'
import { writePrivateFile } from '../../files/index.ts'
import type { ServerPair } from '../../tls/index.ts'
import { generateKeyPair, publicKeyToPem } from '../../x509/index.ts'
import type { MemberIdentity } from '../identity/types.ts'
import type { MemberCall } from '../ports.ts'
import { type Certified, certified, isDue } from './certified.ts'
import { CERTIFICATE_LOOK_MS, CERTIFICATES_AT_ONCE } from './limits.ts'

/** A Kubernetes cluster as far as its certificate goes. */
export interface NamedCluster {
  readonly name: string
  readonly serverName: string
  /** It is served because of a kube_cluster resource. */
  readonly dynamic: boolean
}

/** Of this service. */
interface OwnKey {
  readonly privatePem: string
  readonly publicPem: string
}

interface Stored {
  readonly version: 1
  readonly private_key: string
  /** By server name. */
  readonly certificates: Readonly<Record<string, string>>
}

/**
 * Certificates of the host CA for the clusters of this service, all for one key that never leaves this machine. Asked for when
 * a cluster is served, renewed at half of their life, and kept on disk (0600), so that a restart without the auth service
 * serves.
 */
export class MemberCertificates implements Disposable {
  readonly #identity: MemberIdentity
  readonly #call: MemberCall
  readonly #path: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #key: OwnKey
  readonly #certified = new Map<string, Certified>()
  readonly #listeners = new Set<() => void>()
  readonly #timer: NodeJS.Timeout
  #served: readonly NamedCluster[] = []
  /** The names that were refused, so that each is told once. */
  #refused: ReadonlySet<string> = new Set()
  #renewing: Promise<void> | null = null
  /** What is kept on disk is what there is. */
  #isKept = true

  private constructor(options: Options, key: OwnKey) {
    this.#identity = options.identity
    this.#call = options.call
    this.#path = options.path
    this.#clock = options.clock
    this.#log = options.log
    this.#key = key
    this.#timer = setInterval(() => void this.#renew(), CERTIFICATE_LOOK_MS)
    this.#timer.unref()
  }

  static async open(options: Options): Promise<MemberCertificates> {
    const stored = await readStored(options)
    if (stored === null) {
      const { privateKey, publicKey } = await generateKeyPair()
      return new MemberCertificates(options, {
        privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        publicPem: publicKeyToPem(publicKey),
      })
    }
    const publicKey = createPublicKey(createPrivateKey(stored.private_key))
    const certificates = new MemberCertificates(options, {
      privatePem: stored.private_key,
      publicPem: publicKeyToPem(publicKey),
    })
    for (const [serverName, pem] of Object.entries(stored.certificates)) {
      certificates.#take(serverName, pem)
    }
    return certificates
  }

  /** Resolves when there is a certificate for each, or when that is not possible now: then it goes on trying. */
  async serve(clusters: readonly NamedCluster[]): Promise<void> {
    this.#served = clusters
    // What is underway may be for the clusters of before.
    await this.#renewing
    this.#forgetOthers()
    await this.#renew()
  }

  /** Rejects while there is no certificate that holds now. */
  async secureContext(serverName: string): Promise<SecureContext> {
    const own = this.#certified.get(serverName)
    if (own !== undefined && this.#clock.now() <= own.notAfterMs) return own.context
    throw new Error('the auth service certified no key of ours for this cluster (any more)')
  }

  /** Key and certificate for a server name: what proves to others that we serve it. Null when there is none. */
  pairOf(serverName: string): ServerPair | null {
    return this.#certified.get(serverName)?.pair ?? null
  }

  /** Names that are another's by now: nobody is served under them any more, after a restart without the auth service either. */
  drop(names: ReadonlySet<string>): void {
    let dropped = false
    for (const { name, serverName } of this.#served) {
      if (names.has(name) && this.#certified.delete(serverName)) dropped = true
    }
    if (!dropped) return
    for (const listener of this.#listeners) listener()
    this.#keep().catch((error: unknown) => {
      this.#isKept = false
      this.#log.warn(
        { file: this.#path, error: fileWords(error) },
        'a certificate that is not used any more is still kept',
      )
    })
  }

  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** Clusters come and go for as long as the process lives. */
  #forgetOthers(): void {
    const served = new Set(this.#served.map(({ serverName }) => serverName))
    for (const serverName of this.#certified.keys()) {
      if (!served.has(serverName)) this.#certified.delete(serverName)
    }
  }

  /** One at a time. Never rejects. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewDue()
      .catch((error: unknown) =>
        this.#log.warn(
          { error: errorMessage(error) },
          'certificates for the kubernetes clusters are not to be had now: trying on',
        ),
      )
      .finally(() => {
        this.#renewing = null
      })
    return this.#renewing
  }

  async #renewDue(): Promise<void> {
    const due = this.#served.filter(({ serverName }) => this.#isDue(serverName))
    if (due.length === 0) return this.#keepAgain()
    const refused = new Set<string>()
    for (let at = 0; at < due.length; at += CERTIFICATES_AT_ONCE) {
      const some = due.slice(at, at + CERTIFICATES_AT_ONCE)
      const answer = await this.#call('member.server_certificates', {
        body: {
          public_key: this.#key.publicPem,
          clusters: some.map(({ name }) => name),
          dynamic: some.filter(({ dynamic }) => dynamic).map(({ name }) => name),
        },
      })
      for (const { server_name: serverName, certificate } of answer.certificates) {
        this.#take(serverName, certificate)
      }
      for (const { name, message } of answer.refused) {
        refused.add(name)
        if (!this.#refused.has(name)) {
          this.#log.error({ cluster: name, reason: message }, 'a cluster may not be served by us')
        }
      }
    }
    this.#refused = refused
    for (const listener of this.#listeners) listener()
    this.#isKept = true
    await this.#keep().catch((error: unknown) => this.#notKept(error))
  }

  /** After a disk that was full has room, or the like. */
  async #keepAgain(): Promise<void> {
    if (this.#isKept) return
    await this.#keep().catch((error: unknown) => this.#notKept(error))
  }

  #notKept(error: unknown): void {
    // Once: it is tried at every look.
    if (!this.#isKept) return
    this.#isKept = false
    this.#log.warn(
      { file: this.#path, error: fileWords(error) },
      'certificates for the kubernetes clusters are used, and not kept: until they are, a restart without the auth service serves nobody',
    )
  }

  #isDue(serverName: string): boolean {
    const own = this.#certified.get(serverName)
    return own === undefined || isDue(own, this.#clock.now())
  }

  /** Takes a certificate that is for our key, from our authority, and alive; others are left. */
  #take(serverName: string, pem: string): void {
    try {
      const own = certified(
        { key: this.#key.privatePem, certificate: pem },
        { hostCaPem: this.#identity.current().hostCaPem, minVersion: 'TLSv1.3' },
      )
      if (own.certificate.checkHost(serverName) === undefined)
        throw new Error('it has another name')
      this.#certified.set(serverName, own)
    } catch (error) {
      this.#log.warn(
        { server_name: serverName, error: errorMessage(error) },
        'a certificate for a kubernetes cluster is not used',
      )
    }
  }

  async #keep(): Promise<void> {
    const served = new Set(this.#served.map(({ serverName }) => serverName))
    const stored: Stored = {
      version: 1,
      private_key: this.#key.privatePem,
      certificates: Object.fromEntries(
        [...this.#certified]
          .filter(([serverName]) => served.has(serverName))
          .map(([serverName, { pair }]) => [serverName, pair.certificate]),
      ),
    }
    await writePrivateFile(this.#path, JSON.stringify(stored))
    this.#isKept = true
  }
}

interface Options {
  readonly identity: MemberIdentity
  readonly call: MemberCall
  /** The file in which key and certificates are kept. */
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
}

/** What an earlier process left; null when there is nothing, or nothing that can be read: then there is a new key. */
async function readStored({ path, log }: Options): Promise<Stored | null> {
  try {
    const stored = JSON.parse(await readFile(path, 'utf8')) as Stored
    if (stored.version !== 1) throw new Error(`version ${String(stored.version)} is not known`)
    createPrivateKey(stored.private_key)
    return stored
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    log.warn({ file: path, error: errorMessage(error) }, 'stored certificates are not used')
    return null
  }
}
