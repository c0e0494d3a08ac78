import type { Endpoint } from '../contract/index.ts'
import type { HostService } from '../identity/index.ts'
import { authorizeCall, subjectOf } from './authorize-call.ts'
import { type ApiDeps, type Caller, type Member, type Stranger, strangerFrom } from './context.ts'
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
 * Resolves to the caller as the endpoint's handler takes him. Rejects with ACCESS_DENIED unless the endpoint is open to this
 * caller, or his roles of today open it; with what `assertUnbarred` throws for a person who may not call at all; and with
 * MEMBER_REMOVED for a process that is none of ours any more.
 */
export async function authorize(
  deps: Pick<ApiDeps, 'access' | 'clock' | 'joining'>,
  endpoint: Endpoint,
  caller: Caller | Stranger,
): Promise<Caller | Member | Stranger> {
  if (!('identity' in caller)) {
    if (endpoint.open === 'anyone') return caller
    throw new TypeError('a stranger reached an endpoint that is not for anyone')
  }
  if (endpoint.open === 'member') return memberOf(deps, endpoint, caller)
  if (endpoint.open === 'self' && caller.identity.kind !== 'user') {
    throw new ApiError('ACCESS_DENIED', 'this is for users with a certificate of their own')
  }
  if (endpoint.open === 'people' && caller.identity.kind === 'host') {
    throw new ApiError('ACCESS_DENIED', 'this is for people: users and the local administrator')
  }
  const snapshot = deps.access.current()
  const subject = subjectOf(caller.identity, snapshot)
  assertUnbarred(deps, caller, subject, snapshot)
  authorizeCall(subject, endpoint)
  return caller
}

/**
 * Members have no roles: their certificate says which services they are, the endpoint which of these may call, and what was entered
 * when they joined whether it is still so.
 */
async function memberOf(
  { joining, access, clock }: Pick<ApiDeps, 'joining' | 'access' | 'clock'>,
  { members = [] }: Endpoint,
  caller: Caller,
): Promise<Member> {
  const { identity } = caller
  const has = (services: readonly HostService[]): boolean =>
    members.some((one) => services.includes(one))
  const denied = (): ApiError =>
    new ApiError(
      'ACCESS_DENIED',
      `this is for services of this Teleport cluster: ${members.join(', ')}`,
      { facts: { members } },
    )
  if (identity.kind !== 'host' || !has(identity.services)) throw denied()
  const record = await joining.members.find(identity.hostId)
  if (record === null) {
    throw new ApiError(
      'MEMBER_REMOVED',
      `host ${identity.hostId} is not a member of this Teleport cluster (any more): remove the identity that it keeps, and let it join anew`,
      { facts: { hostId: identity.hostId } },
    )
  }
  if (!has(record.services)) throw denied()
  const bar = access.current().hostBar(identity.hostId, clock.now())
  if (bar !== null) throw new ApiError('LOCKED', bar, { facts: { hostId: identity.hostId } })
  return { ...caller, identity, record }
}
