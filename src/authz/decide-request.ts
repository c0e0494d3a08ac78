import type { RequestedImpersonation } from '../kube/index.ts'
import { MAX_LISTED_NAMES } from './limits.ts'
import type { ClusterAccess, Denial, DenialCode, Principals, RequestDecision } from './types.ts'

/** Kubernetes gives this group to everybody whom it authenticated; an impersonated user gets only what is sent. */
const AUTHENTICATED = 'system:authenticated'

/**
 * Decides who a request will be in the cluster. The client may choose among what its roles give (`--as`, `--as-group`);
 * anything else that it asks for is refused by name. A ServiceAccount is in the groups of ServiceAccounts, unless it
 * chooses others: what it is by itself is what it would be without us.
 */
export function decideRequest(
  access: ClusterAccess,
  requested: RequestedImpersonation,
): RequestDecision {
  if (access.effect === 'deny') return access
  const [unsupported] = requested.unsupported
  if (unsupported !== undefined) {
    return deny(
      'IMPERSONATION_UNSUPPORTED',
      `the header ${unsupported} is not allowed: only users and groups can be impersonated (--as, --as-group)`,
    )
  }
  const user = chooseUser(access, requested.users)
  if (typeof user !== 'string') return user
  const given = [...access.groups, ...(access.accountGroups.get(user) ?? [])]
  const foreign = requested.groups.find(
    (group) => group !== AUTHENTICATED && !given.includes(group),
  )
  if (foreign !== undefined) {
    return deny(
      'IMPERSONATION_DENIED',
      `impersonation of group ${JSON.stringify(foreign)} is not allowed: your roles give ${listed(given)}`,
    )
  }
  const groups = requested.groups.length === 0 ? given : requested.groups
  const principals: Principals = { user, groups: [...new Set([...groups, AUTHENTICATED])] }
  return { effect: 'allow', by: access.by, principals }
}

type Allowed = Extract<ClusterAccess, { effect: 'allow' }>

function chooseUser(access: Allowed, requested: readonly string[]): string | Denial {
  const [wanted, second] = requested
  if (second !== undefined) {
    return deny('IMPERSONATION_DENIED', 'more than one user to impersonate: give --as once')
  }
  if (wanted !== undefined) {
    if (access.users.includes(wanted)) return wanted
    return deny(
      'IMPERSONATION_DENIED',
      `impersonation of user ${JSON.stringify(wanted)} is not allowed: your roles give ${listed(access.users)}`,
    )
  }
  if (access.defaultUser !== null) return access.defaultUser
  return deny(
    'IMPERSONATION_AMBIGUOUS',
    `your roles give several Kubernetes users (${listed(access.users)}): choose one with --as`,
  )
}

const listed = (names: readonly string[]): string =>
  names.length === 0
    ? 'none'
    : names.slice(0, MAX_LISTED_NAMES).join(', ') + (names.length > MAX_LISTED_NAMES ? ', …' : '')

const deny = (code: DenialCode, message: string): Denial => ({
  effect: 'deny',
  by: null,
  code,
  message,
})
