import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { errorMessage } from '../../core/index.ts'

/** What a TLS handshake needs. A new object whenever one of the PEMs changed: connections are pooled per object. */
export interface TlsMaterial {
  readonly secureContext: SecureContext
  /** Without our certificate: for a proxy on the way. Trusts the cluster's authority and the system's. */
  readonly proxyContext: () => SecureContext
}

export interface TlsPems {
  /** Null: the system's authorities. */
  readonly certificateAuthority: string | null
  readonly certificate: string | null
  readonly key: string | null
}

export function sameTlsPems(a: TlsPems, b: TlsPems): boolean {
  return (
    a.certificateAuthority === b.certificateAuthority &&
    a.certificate === b.certificate &&
    a.key === b.key
  )
}

/**
 * Builds the context that all connections with these PEMs share.
 *
 * @throws Error that names the field which OpenSSL refused, without its content.
 */
export function createTlsMaterial(pems: TlsPems): TlsMaterial {
  const ca = pems.certificateAuthority ?? systemAuthorities()
  attempt('certificate-authority', () => createSecureContext({ ca }))
  const { certificate, key } = pems
  let forProxy: SecureContext | null = null
  const proxyContext = (): SecureContext => {
    forProxy ??= createSecureContext({ ca: [ca, systemAuthorities()].flat(), minVersion })
    return forProxy
  }
  if (certificate === null || key === null) {
    return { secureContext: createSecureContext({ ca, minVersion }), proxyContext }
  }
  attempt('client-certificate', () => createSecureContext({ cert: certificate }))
  attempt('client-key', () => createSecureContext({ key }))
  return attempt('client-certificate and client-key', () => ({
    secureContext: createSecureContext({ ca, cert: certificate, key, minVersion }),
    proxyContext,
  }))
}

/** kube-apiserver's own minimum. */
const minVersion = 'TLSv1.2'

/** As kubectl: what the machine trusts; Node's bundle where the system has none. */
function systemAuthorities(): string[] {
  const system = getCACertificates('system')
  return system.length > 0 ? system : getCACertificates('default')
}

function attempt<T>(field: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw new Error(`${field}: ${errorMessage(error)}`)
  }
}
