import { randomUUID } from 'node:crypto'
import { REFUSED_JOIN_CODE } from '../../audit/index.ts'
import { LockoutTable } from '../../authn/index.ts'
import type { BodyOf, ResponseOf } from '../../contract/index.ts'
import { addressKey, formatDuration, hostOf } from '../../core/index.ts'
import {
  type JoinToken,
  MEMBER_CERTIFICATE_TTL_MS,
  type Member,
  type MemberService,
} from '../../join/index.ts'
import { assertVersion } from '../assert-version.ts'
import type { ApiAudit, Who } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { issueHost } from '../issue-host.ts'
import { JOIN_LOCKOUT } from '../limits.ts'
import { alreadyAudited } from '../refusal.ts'

/** How proxies and kubernetes services become members, and stay so. */
export function joinHandlers(
  deps: ApiDeps,
  audit: ApiAudit,
): Pick<Handlers, 'join.create' | 'member.certificate'> {
  const { joining, clock } = deps
  const guesses = new LockoutTable(JOIN_LOCKOUT, clock)
  return {
    'join.create': async ({ caller, body }) => {
      const token = await prove(deps, guesses, caller.address, body).catch(
        async (error: unknown) => {
          if (!(error instanceof ApiError)) throw error
          await noteRefusal(audit, caller, body, error)
          throw alreadyAudited(error)
        },
      )
      return join(deps, audit, { token, body, address: caller.address })
    },

    'member.certificate': async ({ caller, body }) => {
      assertVersion(deps.version, body.version)
      const { record: member, address } = caller
      const { certificate, endsMs } = await sign(deps, member, body.public_key)
      await audit.note(caller, 'cert.create', {
        cert_type: 'host',
        identity: { host_id: member.hostId, services: member.services, expires: iso(endsMs) },
      })
      const seen = { nodename: body.nodename, version: body.version, address }
      const renewed = await joining.members.renewed(member.hostId, seen, endsMs)
      if (renewed === null) {
        throw new ApiError('MEMBER_REMOVED', 'this service was removed just now')
      }
      return answer(deps, renewed, certificate)
    },
  }
}

/** The token that somebody brings. Throws JOIN_REFUSED, JOIN_THROTTLED, JOIN_WRONG_SERVICE for one that is for others, or VERSION_UNSUITABLE. */
async function prove(
  { joining, version: own }: ApiDeps,
  guesses: LockoutTable,
  address: string,
  { token, services, version }: BodyOf<'join.create'>,
): Promise<JoinToken> {
  const key = addressKey(hostOf(address))
  const waitMs = guesses.waitMs(key)
  if (waitMs > 0) throw throttled(waitMs)
  // Before the look, so that many at once are many.
  guesses.count(key)
  const found = await joining.tokens.find(token)
  if (found === null) {
    throw new ApiError(
      'JOIN_REFUSED',
      `this join token is not valid (any more): tokens live for a short time. An administrator makes a new one with "tctl tokens add --type=${services.join(',')}"`,
    )
  }
  guesses.withdraw(key)
  const foreign = services.find((service) => !found.services.includes(service))
  if (foreign !== undefined) {
    throw new ApiError(
      'JOIN_WRONG_SERVICE',
      `this join token is for ${found.services.join(' and ')}, and not for ${foreign}: make one with "tctl tokens add --type=${services.join(',')}"`,
      { facts: { token: found.name } },
    )
  }
  assertVersion(own, version)
  return found
}

function throttled(waitMs: number): ApiError {
  const ms = Math.ceil(waitMs / 1000) * 1000
  return new ApiError(
    'JOIN_THROTTLED',
    `too many attempts to join from this address: try again in ${formatDuration(ms)}`,
    { facts: { retryAfterMs: ms } },
  )
}

/** Enters the member, in the audit log first, and signs for it. */
async function join(
  deps: ApiDeps,
  audit: ApiAudit,
  { token, body, address }: { token: JoinToken; body: BodyOf<'join.create'>; address: string },
): Promise<ResponseOf<'join.create'>> {
  const { joining, clock } = deps
  const nowMs = clock.now()
  const hostId = await hostIdFor(deps, token, body.host_id)
  // First, since a key that is none must enter nobody.
  const about = { hostId, services: sorted(body.services) }
  const { certificate, endsMs } = await sign(deps, about, body.public_key)
  const member: Member = {
    ...about,
    lineage: token.name,
    labels: token.labels,
    kubeResources: token.kubeResources ?? [],
    nodename: body.nodename,
    version: body.version,
    address,
    joinedMs: nowMs,
    lastSeenMs: nowMs,
    certificateEndsMs: endsMs,
  }
  const who: Who = { user: `@${member.hostId}`, roles: [], address }
  await audit.change(who, 'instance.join', { success: true, ...factsOf(member) }, async () => {
    if (!(await joining.members.enter(member))) {
      throw new ApiError('CONFLICT', 'somebody else joined with this host id: try again')
    }
  })
  return answer(deps, member, certificate)
}

/** The id that is asked for, unless somebody of another lineage, or this process, has it: then a new one. */
async function hostIdFor(
  { joining }: ApiDeps,
  token: JoinToken,
  asked: string | undefined,
): Promise<string> {
  if (asked === undefined || asked === joining.ownHostId) return randomUUID()
  // Its certificates are refused wherever they are shown, until they end.
  if (await joining.members.wasRemoved(asked)) return randomUUID()
  const known = await joining.members.find(asked)
  return known === null || known.lineage === token.name ? asked : randomUUID()
}

const factsOf = (member: Member): Readonly<Record<string, unknown>> => ({
  method: 'token',
  token_name: member.lineage,
  host_id: member.hostId,
  node_name: member.nodename,
  services: member.services,
  version: member.version,
  labels: member.labels,
})

/** One event for all reasons, without what was brought as a token. */
async function noteRefusal(
  audit: ApiAudit,
  who: Who,
  body: BodyOf<'join.create'>,
  refusal: ApiError,
): Promise<void> {
  const { token } = refusal.facts
  await audit.note(who, 'instance.join', {
    code: REFUSED_JOIN_CODE,
    success: false,
    method: 'token',
    ...(typeof token === 'string' ? { token_name: token } : {}),
    node_name: body.nodename,
    services: body.services,
    version: body.version,
    error_code: refusal.code,
    // The advice in the answer is for the agent's administrator alone.
    error: refusal.code === 'JOIN_REFUSED' ? 'join refused' : refusal.message,
  })
}

async function sign(
  { authorities, clusterName }: ApiDeps,
  member: Pick<Member, 'hostId' | 'services'>,
  publicKeyPem: string,
): Promise<{ readonly certificate: string; readonly endsMs: number }> {
  const issued = await issueHost(authorities, {
    identity: {
      kind: 'host',
      teleportCluster: clusterName,
      hostId: member.hostId,
      services: [...member.services],
    },
    publicKeyPem,
    dnsNames: [],
    ipAddresses: [],
    ttlMs: MEMBER_CERTIFICATE_TTL_MS,
  })
  return { certificate: issued.certificatePem, endsMs: issued.expiresAtMs }
}

const answer = (
  { authorities, clusterName }: ApiDeps,
  member: Member,
  certificate: string,
): ResponseOf<'join.create'> => ({
  certificate,
  host_ca: authorities.hostCaPem,
  host_id: member.hostId,
  cluster_name: clusterName,
  services: sorted(member.services),
  labels: { ...member.labels },
  expires: iso(member.certificateEndsMs),
})

/** In one order, so that equal sets are equal. */
const sorted = (given: readonly MemberService[]): MemberService[] => [...given].sort()

const iso = (ms: number): string => new Date(ms).toISOString()
