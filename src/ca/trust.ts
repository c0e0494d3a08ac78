import { type KeyObject, X509Certificate } from 'node:crypto'

/** An authority as a judge needs it. */
export interface TrustedAuthority {
  readonly certificate: X509Certificate
  readonly publicKey: KeyObject
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Who may vouch for whom. `revision` changes with the content, so that verdicts on signatures may be kept by it. */
export interface TrustBundle {
  readonly revision: number
  /** May vouch for people and robots only. */
  readonly userCas: readonly TrustedAuthority[]
  /** May vouch for services and their administrator only. */
  readonly hostCas: readonly TrustedAuthority[]
}

/** Throws node:crypto's error for what is not a certificate in PEM. */
export function trustedAuthority(certificatePem: string): TrustedAuthority {
  const certificate = new X509Certificate(certificatePem)
  return {
    certificate,
    publicKey: certificate.publicKey,
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  }
}
