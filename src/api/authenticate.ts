import type { Endpoint } from '../contract/index.ts'
import { authorizeCall, subjectOf } from './authorize-call.ts'
import { type ApiDeps, type Caller, type Stranger, strangerFrom } from './context.ts'
import { ApiError } from './errors.ts'
import { assertUnbarred } from './locks/assert-unbarred.ts'
import type { Peer } from './peer.ts'

/** Who calls an endpoint. Throws UNAUTHENTICATED for who proves nothing, unless the endpoint is for anyone. */
export function authenticate(
  deps: Pick<ApiDeps, 'peers' | 'clock'>,
  endpoint: Endpoint,
  peer: Peer | undefined,
): Caller | Stranger {
  const address = peer?.address ?? 'unknown'
  // A certificate that somebody has nevertheless is not looked at: it must not make a difference.
  if (endpoint.open === 'anyone') return strangerFrom(address)
  const verdict = (peer?.certificate ?? deps.peers.parse(null)).judge(deps.clock.now())
  if (!verdict.ok) {
    throw new ApiError('UNAUTHENTICATED', verdict.message, { facts: { reason: verdict.code } })
  }
  const { identity, expiresAtMs } = verdict
  switch (identity.kind) {
    case 'user':
      return { identity, user: identity.user, roles: identity.roles, address, expiresAtMs }
    case 'admin':
      return { identity, user: '@admin', roles: [], address, expiresAtMs }
    case 'host':
      return { identity, user: `@${identity.hostId}`, roles: [], address, expiresAtMs }
  }
}

/**
 * Throws ACCESS_DENIED unless the endpoint is open to this caller, or his roles of today open it; and what `assertUnbarred`
 * throws for a person who may not call at all.
 */
export function authorize(
  deps: Pick<ApiDeps, 'access' | 'clock'>,
  endpoint: Endpoint,
  caller: Caller | Stranger,
): void {
  if (!('identity' in caller)) {
    if (endpoint.open === 'anyone') return
    throw new TypeError('a stranger reached an endpoint that is not for anyone')
  }
  if (endpoint.open === 'self' && caller.identity.kind !== 'user') {
    throw new ApiError('ACCESS_DENIED', 'this is for users with a certificate of their own')
  }
  if (endpoint.open === 'member') {
    assertMember(endpoint, caller)
    return
  }
  const snapshot = deps.access.current()
  const subject = subjectOf(caller.identity, snapshot)
  assertUnbarred(deps, caller, subject, snapshot)
  authorizeCall(subject, endpoint)
}

/** Members have no roles: their certificate says which services they are, and the endpoint which of these may call. */
function assertMember({ members = [] }: Endpoint, { identity }: Caller): void {
  if (identity.kind === 'host' && members.some((one) => identity.services.includes(one))) return
  throw new ApiError(
    'ACCESS_DENIED',
    `this is for services of this Teleport cluster: ${members.join(', ')}`,
    { facts: { members } },
  )
}
