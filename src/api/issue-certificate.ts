import { type Role, sessionTtl } from '../authz/index.ts'
import { assertPublicKey } from '../ca/index.ts'
import type { ResponseOf, UserResource } from '../contract/index.ts'
import { errorMessage, parseDuration } from '../core/index.ts'
import type { LoginKind, UserIdentity } from '../identity/index.ts'
import type { ApiAudit, Who } from './audit-api.ts'
import type { ApiDeps } from './context.ts'
import { ApiError } from './errors.ts'
import { DEFAULT_SESSION_TTL_MS } from './limits.ts'
import { visibleClusters } from './visible-clusters.ts'

export interface CertificateRequest {
  /** Who asks, for the audit log. */
  readonly who: Who
  readonly identity: UserIdentity
  /** The parsed roles of the identity. */
  readonly roles: readonly Role[]
  readonly publicKeyPem: string
  /** Milliseconds; null: the default of the cluster's settings. Roles may shorten either. */
  readonly askedMs: number | null
}

/** All that a user has, as it stands in a certificate. */
export const identityOf = (
  { clusterName, clock }: Pick<ApiDeps, 'clusterName' | 'clock'>,
  user: UserResource,
  how: { readonly login: LoginKind; readonly pinnedAddress: string | null },
): UserIdentity => ({
  kind: 'user',
  teleportCluster: clusterName,
  user: user.metadata.name,
  roles: user.spec.roles,
  traits: user.spec.traits ?? {},
  issuedAtMs: clock.now(),
  ...how,
})

/** Throws BAD_REQUEST for a key that cannot be certified. */
export function assertCertifiable(publicKeyPem: string): void {
  try {
    assertPublicKey(publicKeyPem)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', `cannot sign: ${errorMessage(error)}`, { cause: error })
  }
}

/**
 * Signs a certificate of a user, for a login or by an administrator's order. It is in the audit log before anybody gets it. Rejects with BAD_REQUEST for a key of the wrong kind or a life beyond the authority's own.
 */
export async function issueUserCertificate(
  deps: ApiDeps,
  audit: ApiAudit,
  request: CertificateRequest,
): Promise<ResponseOf<'users.certificates.create'>> {
  const { identity, roles, publicKeyPem } = request
  const { default_session_ttl: setting } = deps.access.current().settings
  const defaultMs = setting === undefined ? DEFAULT_SESSION_TTL_MS : parseDuration(setting)
  const { ttlMs, cappedBy } = sessionTtl(roles, request.askedMs ?? defaultMs)
  const issued = await deps.authorities
    .issueUser({ identity, publicKeyPem, ttlMs })
    .catch((error: unknown) => {
      throw new ApiError('BAD_REQUEST', `cannot sign: ${errorMessage(error)}`, { cause: error })
    })
  const expires = new Date(issued.expiresAtMs).toISOString()
  const { traits } = identity
  const subject = { user: identity.user, roles, traits, denyTraits: traits }
  const reachable = (await visibleClusters(deps.kubeClusters, subject)).map(
    ({ cluster }) => cluster,
  )
  await audit.note(request.who, 'cert.create', {
    cert_type: 'user',
    identity: {
      user: identity.user,
      roles: identity.roles,
      traits,
      expires,
      kubernetes_clusters: reachable.map((cluster) => cluster.metadata.name),
    },
  })
  return {
    certificate: issued.certificatePem,
    expires,
    ttl_ms: ttlMs,
    capped_by: cappedBy,
    roles: [...identity.roles],
    teleport_cluster: deps.clusterName,
    host_ca: deps.authorities.hostCaPem,
    kube_addr: deps.kubeAddress(),
    kube_clusters: reachable,
  }
}
