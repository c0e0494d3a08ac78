import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import { trustedAuthority } from '../../ca/index.ts'
import { createServerContext, type ServerPair } from '../../tls/index.ts'

/** A key of ours with what the host CA says of it. */
export interface Certified {
  readonly pair: ServerPair
  readonly context: SecureContext
  readonly certificate: X509Certificate
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** Throws for a certificate that is not of our authority, or for another key. */
export function certified(
  pair: ServerPair,
  options: { readonly hostCaPem: string; readonly minVersion: 'TLSv1.2' | 'TLSv1.3' },
): Certified {
  const certificate = new X509Certificate(pair.certificate)
  if (!certificate.verify(trustedAuthority(options.hostCaPem).publicKey)) {
    throw new Error('our authority did not sign the certificate')
  }
  if (!certificate.publicKey.equals(createPublicKey(createPrivateKey(pair.key)))) {
    throw new Error('the certificate is for another key')
  }
  return {
    pair,
    certificate,
    context: createServerContext({ ...pair, minVersion: options.minVersion }),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  }
}

/** Renewed at half of its life: the other half is for an auth service that is away. */
export const isDue = ({ notBeforeMs, notAfterMs }: Certified, nowMs: number): boolean =>
  nowMs >= notBeforeMs + (notAfterMs - notBeforeMs) / 2
