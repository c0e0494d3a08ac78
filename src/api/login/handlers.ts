import { REFUSED_LOGIN_CODE } from '../../audit/index.ts'
import type { LoginOutcome } from '../../authn/index.ts'
import { type Role, sessionOptions } from '../../authz/index.ts'
import type { BodyOf } from '../../contract/index.ts'
import { hostOf } from '../../core/index.ts'
import { assertUserName, type UserIdentity } from '../../identity/index.ts'
import { createdMs } from '../access-state.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps, Stranger } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { assertCertifiable, identityOf, issueUserCertificate } from '../issue-certificate.ts'
import { MAX_LOGIN_TTL_MS } from '../limits.ts'
import { assertUnbarred } from '../locks/assert-unbarred.ts'
import { alreadyAudited } from '../refusal.ts'
import { rolesOf } from '../user-roles.ts'
import { mutableTraits } from './mutable-traits.ts'
import { explainBusy, throttled } from './throttled.ts'

/** What comes before a certificate: how to log in, and doing it. */
export function loginHandlers(
  deps: ApiDeps,
  audit: ApiAudit,
): Pick<Handlers, 'login.describe' | 'login.create'> {
  return {
    'login.describe': async () => ({
      cluster_name: deps.clusterName,
      version: deps.version,
      time: new Date(deps.clock.now()).toISOString(),
      host_ca: deps.authorities.hostCaPem,
      second_factor: deps.secondFactor,
      kube_addr: deps.kubeAddress(),
    }),

    'login.create': async ({ caller, body }) => {
      // First: a code works once, and "success" means that a certificate comes.
      assertCertifiable(body.public_key)
      const { identity, roles } = await prove(deps, caller, body).catch(async (error: unknown) => {
        if (!(error instanceof ApiError)) throw error
        await noteRefusal(audit, caller, body.user, error)
        throw alreadyAudited(error)
      })
      const who = { user: identity.user, roles: identity.roles, address: caller.address }
      await audit.note(who, 'user.login', { success: true, method: 'local' })
      const issued = await issueUserCertificate(deps, audit, {
        who,
        identity,
        roles,
        publicKeyPem: body.public_key,
        askedMs: askedMs(roles, body.ttl_ms),
      })
      return { ...issued, user: identity.user, traits: mutableTraits(identity.traits) }
    },
  }
}

/**
 * Who logs in, when he may. Throws LOGIN_REFUSED or LOGIN_THROTTLED; after he has proven himself also what bars him, a lock with
 * its words.
 */
async function prove(
  deps: ApiDeps,
  { address }: Stranger,
  body: BodyOf<'login.create'>,
): Promise<{ readonly identity: UserIdentity; readonly roles: readonly Role[] }> {
  // In memory: looking into storage would take longer for some names than for others.
  const before = deps.access.current().users.get(body.user)
  const outcome = await deps.localUsers.logins
    .prove({
      user: body.user,
      password: body.password,
      otp: body.otp ?? null,
      host: hostOf(address),
      exists: before !== undefined,
    })
    .catch(explainBusy)
  assertProven(outcome)
  const user = await deps.stores.users.find(body.user)
  // Deleted while the password was looked at; who has the name now is another.
  if (user === null || createdMs(user) !== before?.createdMs) throw loginRefused()
  const roles = await rolesOf(deps.stores, user)
  const pinnedAddress = sessionOptions(roles).pinSourceIp ? hostOf(address) : null
  const identity = identityOf(deps, user, { login: 'local', pinnedAddress })
  const { traits } = identity
  const subject = { user: identity.user, roles, traits, denyTraits: traits }
  assertUnbarred(deps, { identity, address }, subject, deps.access.current())
  return { identity, roles }
}

function assertProven(outcome: LoginOutcome): void {
  switch (outcome.kind) {
    case 'proven':
      return
    case 'throttled':
      throw throttled(outcome.waitMs)
    case 'refused':
      throw loginRefused()
  }
}

/** The same whatever was wrong, and whether or not there is such a user. */
const loginRefused = (): ApiError =>
  new ApiError(
    'LOGIN_REFUSED',
    'login refused: user name, password or one-time code is wrong (a code works once: wait for the next). An administrator makes a new password possible with "tctl users reset"',
  )

/** One event for all reasons. What has not the form of a user name is left out: it may be a password in the wrong field. */
async function noteRefusal(
  audit: ApiAudit,
  caller: Stranger,
  name: string,
  refusal: ApiError,
): Promise<void> {
  await audit.note(caller, 'user.login', {
    code: REFUSED_LOGIN_CODE,
    user: isUserName(name) ? name : '',
    success: false,
    method: 'local',
    error_code: refusal.code,
    // The advice in the answer is for the person alone.
    error: refusal.code === 'LOGIN_REFUSED' ? 'login refused' : refusal.message,
  })
}

function isUserName(name: string): boolean {
  try {
    assertUserName(name)
    return true
  } catch {
    return false
  }
}

/** A person comes back; without a role that says for how long, a login is for a day and a bit. */
function askedMs(roles: readonly Role[], asked: number | undefined): number | null {
  if (asked === undefined) return null
  const roleSays = roles.some(({ options }) => options.maxSessionTtlMs !== null)
  return roleSays ? asked : Math.min(asked, MAX_LOGIN_TTL_MS)
}
