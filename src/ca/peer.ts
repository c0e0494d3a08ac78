import { errorMessage } from '../core/index.ts'
import { decodeIdentity, IDENTITY_OID, type Identity } from '../identity/index.ts'
import { extendedKeyUsageOids, type ParsedCertificate, parseCertificate } from '../x509/index.ts'
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

/**
 * Judges peers: the leaf must be signed directly by one of today's authorities, and that authority's kind decides which
 * identities it may vouch for. A certificate that the peer sent along is never looked at, so no intermediate counts.
 */
export function createPeerParser(options: {
  readonly trust: () => TrustBundle
  readonly teleportCluster: string
  readonly accept: readonly Identity['kind'][]
}): PeerCertificateParser {
  return {
    parse(der) {
      if (der === null)
        return constant(refuse('CERT_MISSING', 'no client certificate: log in first'))
      let parsed: ParsedCertificate
      try {
        parsed = parseCertificate(der)
      } catch (error) {
        return constant(refuse('CERT_MALFORMED', errorMessage(error)))
      }
      return new JudgedCertificate(parsed, options)
    },
  }
}

const constant = (verdict: PeerVerdict): PeerCertificate => ({ judge: () => verdict })

const refuse = (code: PeerRefusalCode, message: string): PeerVerdict => ({
  ok: false,
  code,
  message,
})

class JudgedCertificate implements PeerCertificate {
  readonly #certificate: ParsedCertificate
  readonly #options: Parameters<typeof createPeerParser>[0]
  /** The part of the verdict that does not depend on time, and the bundle that it was made with. */
  #judged: { revision: number; verdict: PeerVerdict } | null = null

  constructor(certificate: ParsedCertificate, options: Parameters<typeof createPeerParser>[0]) {
    this.#certificate = certificate
    this.#options = options
  }

  judge(nowMs: number): PeerVerdict {
    const trust = this.#options.trust()
    if (this.#judged?.revision !== trust.revision) {
      this.#judged = { revision: trust.revision, verdict: this.#judgeTimeless(trust) }
    }
    const { verdict } = this.#judged
    if (!verdict.ok) return verdict
    const { notBeforeMs, notAfterMs } = this.#certificate
    if (nowMs < notBeforeMs) {
      return refuse(
        'CERT_NOT_YET_VALID',
        `the certificate is valid from ${iso(notBeforeMs)}, and here it is ${iso(nowMs)}: is a clock wrong?`,
      )
    }
    if (nowMs > notAfterMs) {
      return refuse('CERT_EXPIRED', `the certificate expired at ${iso(notAfterMs)}: log in again`)
    }
    return verdict
  }

  #judgeTimeless(trust: TrustBundle): PeerVerdict {
    const certificate = this.#certificate
    const { accept, teleportCluster } = this.#options
    const byUser = signedBy(certificate, trust.userCas)
    const byHost = signedBy(certificate, trust.hostCas)
    if (!byUser && !byHost) {
      return refuse(
        'CERT_UNKNOWN_AUTHORITY',
        'the certificate is from another or an outdated authority: log in again',
      )
    }
    if (certificate.isCa) return refuse('CERT_WRONG_USAGE', 'the certificate is an authority')
    if (!certificate.extendedKeyUsages.includes(extendedKeyUsageOids.clientAuth)) {
      return refuse('CERT_WRONG_USAGE', 'the certificate is not for clients')
    }
    let identity: Identity
    try {
      const extension = certificate.extension(IDENTITY_OID)
      if (extension === null) return refuse('CERT_MALFORMED', 'the certificate names nobody')
      identity = decodeIdentity(extension)
    } catch (error) {
      return refuse('CERT_MALFORMED', errorMessage(error))
    }
    const vouched = identity.kind === 'user' ? byUser : byHost
    if (!vouched || !accept.includes(identity.kind)) {
      return refuse('CERT_WRONG_KIND', `a certificate of kind "${identity.kind}" is not taken here`)
    }
    if (identity.teleportCluster !== teleportCluster) {
      return refuse('CERT_WRONG_CLUSTER', 'the certificate is from another Teleport cluster')
    }
    return { ok: true, identity, expiresAtMs: certificate.notAfterMs }
  }
}

/** Names first, since comparing them is cheap; the signature decides. */
function signedBy({ x509 }: ParsedCertificate, authorities: readonly TrustedAuthority[]): boolean {
  return authorities.some(
    ({ certificate, publicKey }) => x509.checkIssued(certificate) && x509.verify(publicKey),
  )
}

const iso = (ms: number): string => new Date(ms).toISOString()
