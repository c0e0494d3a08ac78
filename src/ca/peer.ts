import { createHash } from 'node:crypto'
import { errorMessage } from '../core/index.ts'
import { decodeIdentity, IDENTITY_OID, type Identity } from '../identity/index.ts'
import {
  extendedKeyUsageOids,
  extensionOids,
  type ParsedCertificate,
  parseCertificate,
} from '../x509/index.ts'
import type { TrustBundle, TrustedAuthority } from './trust.ts'

export type PeerRefusalCode =
  | 'CERT_MISSING'
  | 'CERT_MALFORMED'
  | 'CERT_EXPIRED'
  | 'CERT_NOT_YET_VALID'
  | 'CERT_UNKNOWN_AUTHORITY'
  | 'CERT_WRONG_USAGE'
  | 'CERT_WRONG_KIND'
  | 'CERT_WRONG_CLUSTER'
  | 'CERT_REVOKED'

export type PeerVerdict =
  | { readonly ok: true; readonly identity: Identity; readonly expiresAtMs: number }
  | { readonly ok: false; readonly code: PeerRefusalCode; readonly message: string }

/** A peer certificate, parsed once per connection and judged on every request. */
export interface PeerCertificate {
  judge(nowMs: number): PeerVerdict
}

export interface PeerCertificateParser {
  /** Null: the client sent none. Never throws. */
  parse(der: Uint8Array | null): PeerCertificate
}

/** Extensions that we check, or that cannot widen what a leaf may do. A critical one beyond these is refused (RFC 5280, 4.2). */
const UNDERSTOOD: ReadonlySet<string> = new Set([...Object.values(extensionOids), IDENTITY_OID])

export interface PeerParserOptions {
  /** Whom to trust now; called on every judgement. */
  readonly trust: () => TrustBundle
  readonly teleportCluster: string
  /** The kinds of identity that this door takes. */
  readonly accept: readonly Identity['kind'][]
  /** Why a service of ours is to be refused now, although its certificate is genuine; null: it is not. */
  readonly hostBar?: (hostId: string, nowMs: number) => string | null
}

/**
 * Judges peers: the leaf must be signed directly by one of today's authorities, and that authority's kind decides which
 * identities it may vouch for. A certificate that the peer sent along is never looked at, so no intermediate counts.
 */
export function createPeerParser(options: PeerParserOptions): PeerCertificateParser {
  const proven = new ProvenPeers(options)
  return {
    parse(der) {
      if (der === null)
        return constant(refuse('CERT_MISSING', 'no client certificate: log in first'))
      try {
        return new JudgedCertificate(der, options, proven)
      } catch (error) {
        return constant(refuse('CERT_MALFORMED', errorMessage(error)))
      }
    },
  }
}

const constant = (verdict: PeerVerdict): PeerCertificate => ({ judge: () => verdict })

const refuse = (code: PeerRefusalCode, message: string): PeerVerdict & { readonly ok: false } => ({
  ok: false,
  code,
  message,
})

/** The part of a verdict that does not depend on time, and the life within which it holds. */
type Standing =
  | { readonly verdict: PeerVerdict & { readonly ok: false } }
  | {
      readonly verdict: PeerVerdict & { readonly ok: true }
      readonly notBeforeMs: number
      readonly notAfterMs: number
    }

interface Known {
  readonly revision: number
  readonly standing: Standing
}

/** As many people and services as connect again and again within a while. */
const PEERS_REMEMBERED = 512

/**
 * What certificates were proven to be, by all of their bytes and for one trust bundle: programs like kubectl connect anew for each command.
 * Only good ones are remembered, so that nobody pushes them out without a certificate of ours.
 */
class ProvenPeers {
  readonly #options: PeerParserOptions
  readonly #known = new Map<string, Known>()

  constructor(options: PeerParserOptions) {
    this.#options = options
  }

  /** Throws X509Error for what is no certificate. */
  stand(der: Uint8Array, trust: TrustBundle): Known {
    const key = createHash('sha256').update(der).digest('base64')
    const remembered = this.#known.get(key)
    this.#known.delete(key)
    const known =
      remembered?.revision === trust.revision
        ? remembered
        : {
            revision: trust.revision,
            standing: standingOf(parseCertificate(der), trust, this.#options),
          }
    if (known.standing.verdict.ok) this.#known.set(key, known)
    if (this.#known.size > PEERS_REMEMBERED) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest)
        break
      }
    }
    return known
  }
}

class JudgedCertificate implements PeerCertificate {
  /** The bytes alone: read, a certificate takes fifteen times as much, in each of thousands of connections. */
  readonly #der: Uint8Array
  readonly #options: PeerParserOptions
  readonly #proven: ProvenPeers
  /** Signatures are checked once per trust bundle: they are 99 % of the cost. */
  #known: Known

  /** Throws X509Error for what is no certificate. */
  constructor(der: Uint8Array, options: PeerParserOptions, proven: ProvenPeers) {
    // Not a view into something larger.
    this.#der = Uint8Array.from(der)
    this.#options = options
    this.#proven = proven
    this.#known = proven.stand(this.#der, options.trust())
  }

  judge(nowMs: number): PeerVerdict {
    const trust = this.#options.trust()
    if (this.#known.revision !== trust.revision) {
      this.#known = this.#proven.stand(this.#der, trust)
    }
    const { standing } = this.#known
    if (!('notAfterMs' in standing)) return standing.verdict
    const { identity } = standing.verdict
    const bar =
      identity.kind === 'host' ? (this.#options.hostBar?.(identity.hostId, nowMs) ?? null) : null
    // Before time: what came by a certificate that has ended may go on, and not when its holder was removed.
    if (bar !== null) return refuse('CERT_REVOKED', bar)
    const { notBeforeMs, notAfterMs } = standing
    // Written so that a time which is none refuses.
    if (!(nowMs >= notBeforeMs)) {
      return refuse(
        'CERT_NOT_YET_VALID',
        `the certificate is valid from ${iso(notBeforeMs)}, and here it is ${iso(nowMs)}: is a clock wrong?`,
      )
    }
    // RFC 5280, 4.1.2.5: the last instant is still valid.
    if (!(nowMs <= notAfterMs)) {
      return refuse('CERT_EXPIRED', `the certificate expired at ${iso(notAfterMs)}: log in again`)
    }
    return standing.verdict
  }
}

function standingOf(
  certificate: ParsedCertificate,
  trust: TrustBundle,
  { accept, teleportCluster }: PeerParserOptions,
): Standing {
  const byUser = signersOf(certificate, trust.userCas)
  const byHost = signersOf(certificate, trust.hostCas)
  if (byUser.length + byHost.length === 0) {
    return refused(
      'CERT_UNKNOWN_AUTHORITY',
      'the certificate is from another or an outdated authority: log in again',
    )
  }
  if (certificate.isCa) return refused('CERT_WRONG_USAGE', 'the certificate is an authority')
  if (!certificate.extendedKeyUsages.includes(extendedKeyUsageOids.clientAuth)) {
    return refused('CERT_WRONG_USAGE', 'the certificate is not for clients')
  }
  const foreign = certificate.criticalExtensions.find((oid) => !UNDERSTOOD.has(oid))
  if (foreign !== undefined) {
    return refused('CERT_MALFORMED', `the certificate has a critical extension ${foreign}`)
  }
  let identity: Identity
  try {
    const extension = certificate.extension(IDENTITY_OID)
    if (extension === null) return refused('CERT_MALFORMED', 'the certificate names nobody')
    identity = decodeIdentity(extension)
  } catch (error) {
    return refused('CERT_MALFORMED', errorMessage(error))
  }
  const signers = identity.kind === 'user' ? byUser : byHost
  if (signers.length === 0 || !accept.includes(identity.kind)) {
    return refused('CERT_WRONG_KIND', `a certificate of kind "${identity.kind}" is not taken here`)
  }
  if (identity.teleportCluster !== teleportCluster) {
    return refused('CERT_WRONG_CLUSTER', 'the certificate is from another Teleport cluster')
  }
  // A leaf is worth nothing beyond the life of who vouches for it.
  const notBeforeMs = Math.max(
    certificate.notBeforeMs,
    Math.min(...signers.map((signer) => signer.notBeforeMs)),
  )
  const notAfterMs = Math.min(
    certificate.notAfterMs,
    Math.max(...signers.map((signer) => signer.notAfterMs)),
  )
  return { verdict: { ok: true, identity, expiresAtMs: notAfterMs }, notBeforeMs, notAfterMs }
}

/** Names first, since comparing them is cheap; the signature decides. */
function signersOf(
  { x509 }: ParsedCertificate,
  authorities: readonly TrustedAuthority[],
): TrustedAuthority[] {
  return authorities.filter(
    ({ certificate, publicKey }) => x509.checkIssued(certificate) && x509.verify(publicKey),
  )
}

const refused = (code: PeerRefusalCode, message: string): Standing => ({
  verdict: refuse(code, message),
})

/** `toISOString` throws for times that are none. */
const iso = (ms: number): string => (Number.isFinite(ms) ? new Date(ms).toISOString() : String(ms))
