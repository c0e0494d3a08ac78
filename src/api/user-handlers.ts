import { isIP } from 'node:net'
import type { LocalUserStatus } from '../authn/index.ts'
import { optionRule, type Role } from '../authz/index.ts'
import type { UserResource } from '../contract/index.ts'
import { canonicalHost, errorMessage } from '../core/index.ts'
import { assertUserName, type Traits } from '../identity/index.ts'
import type { ApiAudit } from './audit-api.ts'
import type { ApiDeps } from './context.ts'
import { ApiError } from './errors.ts'
import { mutable, pageOf, sameName } from './handler-parts.ts'
import type { Handlers } from './handler-types.ts'
import { identityOf, issueUserCertificate } from './issue-certificate.ts'
import type { oneAtATime } from './one-at-a-time.ts'
import { rolesOf } from './user-roles.ts'

type UserHandlers = Pick<
  Handlers,
  | 'users.list'
  | 'users.read'
  | 'users.create'
  | 'users.upsert'
  | 'users.delete'
  | 'users.certificates.create'
>

/** Local users: people and robots. `alone`: no role is deleted between the look at it and the user who is given it. */
export function userHandlers(
  deps: ApiDeps,
  audit: ApiAudit,
  alone: ReturnType<typeof oneAtATime>,
): UserHandlers {
  const { stores, localUsers } = deps
  const withStatus = async (user: UserResource): Promise<UserResource> => ({
    ...user,
    status: statusOf(await localUsers.statusOf(user.metadata.name)),
  })
  return {
    'users.list': async ({ query }) => {
      const { items, next } = mutable(await stores.users.list(pageOf(query)))
      return { items: await Promise.all(items.map(withStatus)), next }
    },
    'users.read': async ({ params }) => withStatus(await stores.users.read(params.name)),
    'users.create': ({ body, caller }) =>
      alone(async () => {
        await judgeUser(deps, body)
        return audit.change(caller, 'user.create', changeOf(body), () =>
          stores.users.create(withoutStatus(body)),
        )
      }),
    'users.upsert': ({ params, body, caller }) =>
      alone(async () => {
        sameName(params.name, body.metadata.name)
        await judgeUser(deps, body)
        const { resource } = await audit.change(
          caller,
          'user.update',
          changeOf(body),
          () => stores.users.upsert(withoutStatus(body)),
          ({ created }) => (created ? 'user.create' : 'user.update'),
        )
        return resource
      }),
    'users.delete': async ({ params, caller }) => {
      const { name } = params
      await audit.change(caller, 'user.delete', { name }, async () => {
        // Before, so that no crash leaves them to a later user of the name; after, for a link made in between.
        await localUsers.forget(name)
        await stores.users.delete(name)
        await localUsers.forget(name)
      })
      return {}
    },

    'users.certificates.create': async ({ params, body, caller }) => {
      const user = await stores.users.read(params.name)
      const roles = await rolesOf(stores, user)
      const pinnedAddress = judgePin(body.pin_address, roles)
      return issueUserCertificate(deps, audit, {
        who: caller,
        identity: identityOf(deps, user, { login: 'signed', pinnedAddress }),
        roles,
        publicKeyPem: body.public_key,
        askedMs: body.ttl_ms ?? null,
      })
    },
  }
}

/** What an event tells of a user who is written: traits give rights as roles do. */
const changeOf = ({
  metadata,
  spec,
}: UserResource): { name: string; roles: readonly string[]; traits: Traits } => ({
  name: metadata.name,
  roles: spec.roles,
  traits: spec.traits ?? {},
})

/** Refuses names that do not fit into certificates, and roles that do not exist. */
async function judgeUser(deps: ApiDeps, user: UserResource): Promise<void> {
  try {
    assertUserName(user.metadata.name)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', errorMessage(error), { cause: error })
  }
  await rolesOf(deps.stores, user)
}

/** The address as it is compared. Throws BAD_REQUEST for none where a role wants one: nobody could use the certificate. */
function judgePin(given: string | undefined, roles: readonly Role[]): string | null {
  if (given === undefined) {
    const by = optionRule(roles, 'pin_source_ip', ({ pinSourceIp }) => pinSourceIp)
    if (by === null) return null
    throw new ApiError(
      'BAD_REQUEST',
      `${by} wants certificates that are bound to an address: give --pin-address (pin_address)`,
    )
  }
  if (isIP(given) === 0) {
    throw new ApiError('BAD_REQUEST', `pin_address: "${given}" is not an IP address`)
  }
  return canonicalHost(given)
}

function statusOf(status: LocalUserStatus): NonNullable<UserResource['status']> {
  const { passwordSet, lastLoginMs, lockedUntilMs } = status
  return {
    password_set: passwordSet,
    ...(lastLoginMs === null ? {} : { last_login: new Date(lastLoginMs).toISOString() }),
    ...(lockedUntilMs === null ? {} : { locked_until: new Date(lockedUntilMs).toISOString() }),
  }
}

/** What is read may be written again; the status in it is no wish. */
function withoutStatus({ status: _, ...user }: UserResource): UserResource {
  return user
}
