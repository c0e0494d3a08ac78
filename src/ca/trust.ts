import { type KeyObject, X509Certificate } from 'node:crypto'

/** An authority as a judge needs it. */
export interface TrustedAuthority {
  readonly certificate: X509Certificate
  readonly publicKey: KeyObject
}

/** Who may vouch for whom. `revision` changes with the content, so that verdicts on signatures may be kept by it. */
export interface TrustBundle {
  readonly revision: number
  readonly userCas: readonly TrustedAuthority[]
  readonly hostCas: readonly TrustedAuthority[]
}

export function trustedAuthority(certificatePem: string): TrustedAuthority {
  const certificate = new X509Certificate(certificatePem)
  return { certificate, publicKey: certificate.publicKey }
}
