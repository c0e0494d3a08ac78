import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, errorCode, errorMessage, type Logger } from '../core/index.ts'
import type { AdminIdentity, HostIdentity, UserIdentity } from '../identity/index.ts'
import type { Backend, Item } from '../storage/index.ts'
import {
  type CertificateTemplate,
  issueCertificate,
  publicKeyFromPem,
  spkiPin,
} from '../x509/index.ts'
import { identityTemplate } from './certificate-template.ts'
import { CaError } from './errors.ts'
import { RELOAD_RETRY_MS, SERIAL_BYTES } from './limits.ts'
import type { SecretCipher } from './secret-cipher.ts'
import { signStatement } from './statement.ts'
import {
  AUTHORITY_PREFIX,
  type Authority,
  type AuthorityKind,
  authorityKey,
  createAuthority,
  readAuthority,
} from './stored-authority.ts'
import { type TrustBundle, trustedAuthority } from './trust.ts'

export interface Issued {
  readonly certificatePem: string
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** The certificate authorities of one Teleport cluster. Private keys never leave it. */
export interface Authorities extends AsyncDisposable {
  /**
   * Rejects with CaError CA_TTL_INVALID (also when it would outlive the authority) or CA_MISSING, X509Error for an
   * unsuitable key, IdentityError for an identity that does not fit.
   */
  issueUser(request: {
    readonly identity: UserIdentity
    readonly publicKeyPem: string
    readonly ttlMs: number
  }): Promise<Issued>
  /** As `issueUser`; X509Error X509_TEMPLATE_INVALID for names that are none. */
  issueHost(request: {
    readonly identity: HostIdentity | AdminIdentity
    readonly publicKeyPem: string
    readonly dnsNames: readonly string[]
    readonly ipAddresses: readonly string[]
    readonly ttlMs: number
  }): Promise<Issued>
  /**
   * What the host CA says, as base64; `verifyStatement` judges it. A context is one use: what is signed for one is worth
   * nothing in another. Throws CaError CA_MISSING.
   */
  signStatement(context: string, text: string): string
  /** Whom to trust now. The same object until the authorities change. */
  trust(): TrustBundle
  /** Calls back after each change of `trust()`, until the returned function is called. */
  onChange(listener: () => void): () => void
  /** PEM of every authority that `trust()` names. */
  trustedPem(): { readonly userCas: readonly string[]; readonly hostCas: readonly string[] }
  /** PEM of the host CA of now: what clients check our servers against. Throws CaError CA_MISSING. */
  readonly hostCaPem: string
  /** `sha256:…` of the host CA's public key. Throws CaError CA_MISSING. */
  readonly caPin: string
  /**
   * Reads the authorities anew; what storage changes by itself is seen without this. Rejects with CaError when one cannot
   * be read: then the former ones stay.
   */
  reload(): Promise<void>
}

interface Options {
  readonly backend: Backend
  readonly cipher: SecretCipher
  readonly clock: Clock
  readonly clusterName: string
  readonly log: Logger
}

/**
 * Opens the authorities, and makes them when the cluster is new. Several auth servers may do so at once: the first one's
 * stay. Follows changes until it is disposed. Rejects with CaError when a stored authority cannot be read.
 */
export async function openAuthorities(options: Options): Promise<Authorities> {
  const { backend, cipher, clock, clusterName, log } = options
  for (const kind of ['user', 'host'] as const) {
    if ((await backend.get(authorityKey(kind))) !== null) continue
    if (await createAuthority(kind, { backend, cipher, clusterName, nowMs: clock.now() })) {
      log.info({ authority: kind, cluster_name: clusterName }, 'certificate authority created')
    }
  }
  const authorities = new StoredAuthorities(options)
  await authorities.reload()
  authorities.follow()
  return authorities
}

class StoredAuthorities implements Authorities {
  readonly #options: Options
  readonly #stop = new AbortController()
  readonly #listeners = new Set<() => void>()
  #following: Promise<void> = Promise.resolve()
  /** Storage's revision that the authorities below reflect. */
  #revision = 0
  #items = new Map<string, Item>()
  #authorities: Readonly<Record<AuthorityKind, Authority | null>> = { user: null, host: null }
  #trust: TrustBundle = { revision: 0, userCas: [], hostCas: [] }

  constructor(options: Options) {
    this.#options = options
  }

  get hostCaPem(): string {
    return this.#authority('host').certificatePem
  }

  get caPin(): string {
    return spkiPin(this.hostCaPem)
  }

  signStatement(context: string, text: string): string {
    return signStatement(this.#authority('host').privateKey, context, text)
  }

  trust(): TrustBundle {
    return this.#trust
  }

  trustedPem(): ReturnType<Authorities['trustedPem']> {
    const { user, host } = this.#authorities
    return {
      userCas: user === null ? [] : [user.certificatePem],
      hostCas: host === null ? [] : [host.certificatePem],
    }
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async issueUser(request: Parameters<Authorities['issueUser']>[0]): Promise<Issued> {
    const { identity, publicKeyPem, ttlMs } = request
    return this.#issue(
      'user',
      publicKeyPem,
      identityTemplate(identity, this.#options.clock.now(), ttlMs),
    )
  }

  async issueHost(request: Parameters<Authorities['issueHost']>[0]): Promise<Issued> {
    const { identity, publicKeyPem, ttlMs } = request
    return this.#issue(
      'host',
      publicKeyPem,
      identityTemplate(identity, this.#options.clock.now(), ttlMs, request),
    )
  }

  async reload(): Promise<void> {
    const page = await this.#options.backend.list(AUTHORITY_PREFIX)
    // Two reloads may overtake each other; what is older must not win.
    if (page.revision < this.#revision) return
    this.#revision = page.revision
    const items = new Map(page.items.map((item) => [item.key, item]))
    if (sameValues(items, this.#items)) return
    const authorities = { user: this.#read(items, 'user'), host: this.#read(items, 'host') }
    const { user, host } = authorities
    this.#trust = {
      revision: this.#trust.revision + 1,
      userCas: user === null ? [] : [trustedAuthority(user.certificatePem)],
      hostCas: host === null ? [] : [trustedAuthority(host.certificatePem)],
    }
    this.#authorities = authorities
    this.#items = items
    for (const listener of this.#listeners) listener()
  }

  follow(): void {
    this.#following = this.#follow(this.#stop.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { backend, log } = this.#options
    while (!signal.aborted) {
      try {
        for await (const _change of backend.watch(AUTHORITY_PREFIX, this.#revision, signal)) {
          await this.reload()
          log.warn(
            { trust_revision: this.#trust.revision },
            'certificate authorities changed in storage',
          )
        }
        // Storage was closed: nothing can change any more.
        return
      } catch (error) {
        if (signal.aborted || errorCode(error) === 'STORAGE_CLOSED') return
        log.error({ error: errorMessage(error) }, 'cannot follow the certificate authorities')
        await delay(RELOAD_RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
        // A watch that fell behind cannot go on from where it was.
        await this.reload().catch(() => {})
      }
    }
  }

  #read(items: ReadonlyMap<string, Item>, kind: AuthorityKind): Authority | null {
    const key = authorityKey(kind)
    const item = items.get(key)
    return item === undefined ? null : readAuthority(key, item.value, this.#options.cipher)
  }

  #authority(kind: AuthorityKind): Authority {
    const authority = this.#authorities[kind]
    if (authority === null) {
      throw new CaError('CA_MISSING', `the ${kind} CA was deleted: restore it from a backup`)
    }
    return authority
  }

  async #issue(
    kind: AuthorityKind,
    publicKeyPem: string,
    template: CertificateTemplate,
  ): Promise<Issued> {
    const authority = this.#authority(kind)
    if (template.notAfterMs > authority.notAfterMs) {
      throw new CaError(
        'CA_TTL_INVALID',
        `the certificate would outlive its authority, which ends ${new Date(authority.notAfterMs).toISOString()}`,
      )
    }
    const issued = await issueCertificate({
      template,
      publicKey: publicKeyFromPem(publicKeyPem),
      issuer: authority,
      serial: randomBytes(SERIAL_BYTES),
    })
    return { certificatePem: issued.pem, expiresAtMs: issued.notAfterMs }
  }
}

function sameValues(some: ReadonlyMap<string, Item>, others: ReadonlyMap<string, Item>): boolean {
  return (
    some.size === others.size &&
    [...some].every(([key, { value }]) => others.get(key)?.value === value)
  )
}
