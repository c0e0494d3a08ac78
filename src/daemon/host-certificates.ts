import type { SecureContext } from 'node:tls'
import type { Authorities } from '../ca/index.ts'
import type { Clock } from '../core/index.ts'
import type { HostIdentity } from '../identity/index.ts'
import { createServerContext, type ServerPair } from '../tls/index.ts'
import { generateKeyPair, publicKeyToPem } from '../x509/index.ts'
import type { KubeCertificates } from './services/kube-ports.ts'

/** How long a server certificate of ours lives; it is renewed at half of that. */
const HOST_CERTIFICATE_TTL_MS = 7 * 24 * 60 * 60 * 1000

/** What a certificate says besides the name for which it is asked. */
interface Further {
  readonly dnsNames?: readonly string[]
  readonly ipAddresses?: readonly string[]
}

/**
 * TLS contexts for server names, each with a certificate of the host CA, made when first asked for and renewed at half
 * of their life. All names of one process share a key: it never leaves memory. Only to be asked for names that this
 * process serves: each stays, but for those of clusters, which go when `serve` names them no more.
 */
export class HostCertificates implements KubeCertificates {
  readonly #authorities: Authorities
  readonly #identity: HostIdentity
  readonly #clock: Clock
  readonly #key: { readonly privatePem: string; readonly publicPem: string }
  readonly #cache = new Map<
    string,
    { pair: Promise<ServerPair>; context: Promise<SecureContext>; renewAtMs: number }
  >()

  /** Clusters, by server name. */
  #served: ReadonlySet<string> = new Set()

  private constructor(
    authorities: Authorities,
    identity: HostIdentity,
    clock: Clock,
    key: { privatePem: string; publicPem: string },
  ) {
    this.#authorities = authorities
    this.#identity = identity
    this.#clock = clock
    this.#key = key
  }

  static async open(
    authorities: Authorities,
    identity: HostIdentity,
    clock: Clock,
  ): Promise<HostCertificates> {
    const { privateKey, publicKey } = await generateKeyPair()
    return new HostCertificates(authorities, identity, clock, {
      privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      publicPem: publicKeyToPem(publicKey),
    })
  }

  /** Made when they are asked for, since the authorities are in this process, and forgotten when they are served no more. */
  async serve(clusters: readonly { readonly serverName: string }[]): Promise<void> {
    const served = new Set(clusters.map(({ serverName }) => serverName))
    for (const serverName of this.#served) {
      if (!served.has(serverName)) this.#cache.delete(serverName)
    }
    this.#served = served
  }

  /** The context for one server name; `ipAddresses` and further names only matter when it is made. */
  secureContext(serverName: string, further: Further = {}): Promise<SecureContext> {
    return this.#kept(serverName, further).context
  }

  /** The same in PEM, to show it as a client. */
  pair(serverName: string): Promise<ServerPair> {
    return this.#kept(serverName, {}).pair
  }

  #kept(
    serverName: string,
    further: Further,
  ): { readonly pair: Promise<ServerPair>; readonly context: Promise<SecureContext> } {
    const nowMs = this.#clock.now()
    const cached = this.#cache.get(serverName)
    if (cached !== undefined && nowMs < cached.renewAtMs) return cached
    const pair = this.issuePair({
      dnsNames: [serverName, ...(further.dnsNames ?? [])],
      ipAddresses: further.ipAddresses ?? [],
    })
    const context = pair.then((own) => createServerContext({ ...own, minVersion: 'TLSv1.3' }))
    const kept = { pair, context, renewAtMs: nowMs + HOST_CERTIFICATE_TTL_MS / 2 }
    this.#cache.set(serverName, kept)
    context.catch(() => this.#cache.delete(serverName))
    return kept
  }

  /** Key and certificate for some names and addresses; a new certificate at each call, to be renewed within days. */
  async issuePair({
    dnsNames,
    ipAddresses,
  }: {
    readonly dnsNames: readonly string[]
    readonly ipAddresses: readonly string[]
  }): Promise<ServerPair> {
    const issued = await this.#authorities.issueHost({
      identity: this.#identity,
      publicKeyPem: this.#key.publicPem,
      dnsNames: [...dnsNames],
      ipAddresses: [...ipAddresses],
      ttlMs: HOST_CERTIFICATE_TTL_MS,
    })
    return { key: this.#key.privatePem, certificate: issued.certificatePem }
  }
}
