import { encodeIdentity, IDENTITY_OID, type Identity } from '../identity/index.ts'
import type { CertificateTemplate } from '../x509/index.ts'
import { CaError } from './errors.ts'
import { BACKDATE_MS, CA_LIFE_MS, MIN_TTL_MS } from './limits.ts'

/**
 * What a certificate for an identity says. Pure. Throws CaError CA_TTL_INVALID for a life below MIN_TTL_MS, and
 * IdentityError for an identity that does not fit.
 */
export function identityTemplate(
  identity: Identity,
  nowMs: number,
  ttlMs: number,
  names: {
    readonly dnsNames: readonly string[]
    readonly ipAddresses: readonly string[]
  } = { dnsNames: [], ipAddresses: [] },
): CertificateTemplate {
  if (!Number.isSafeInteger(ttlMs) || ttlMs < MIN_TTL_MS) {
    throw new CaError('CA_TTL_INVALID', `a certificate cannot live ${ttlMs} ms`)
  }
  return {
    commonName: identity.kind === 'user' ? identity.user : `${identity.kind}:${identity.hostId}`,
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: nowMs + ttlMs,
    usages: identity.kind === 'host' ? ['serverAuth', 'clientAuth'] : ['clientAuth'],
    dnsNames: names.dnsNames,
    ipAddresses: names.ipAddresses,
    isCa: false,
    // Not critical: kubectl and every TLS library must accept the certificate without knowing what is in there.
    extensions: [{ oid: IDENTITY_OID, critical: false, value: encodeIdentity(identity) }],
  }
}

/** What an authority's own certificate says. Pure. */
export function authorityTemplate(
  kind: 'user' | 'host',
  clusterName: string,
  nowMs: number,
): CertificateTemplate {
  return {
    commonName: `${kind} CA of ${clusterName}`,
    organizations: [clusterName],
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: nowMs + CA_LIFE_MS,
    usages: [],
    dnsNames: [],
    ipAddresses: [],
    isCa: true,
    extensions: [],
  }
}
