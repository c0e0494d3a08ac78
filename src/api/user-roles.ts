import { parseRole, type Role } from '../authz/index.ts'
import type { RoleResource, UserResource } from '../contract/index.ts'
import { errorMessage } from '../core/index.ts'
import { ApiError } from './errors.ts'
import type { Stores } from './stores.ts'

/** The parsed roles of a user, from the store and not from the snapshot: they may have been written a moment ago. */
export async function rolesOf(
  { roles }: Pick<Stores, 'roles'>,
  user: UserResource,
): Promise<readonly Role[]> {
  const found = await Promise.all(
    user.spec.roles.map(async (name) => ({ name, resource: await roles.find(name) })),
  )
  const unknown = found.filter(({ resource }) => resource === null).map(({ name }) => name)
  if (unknown.length > 0) {
    throw new ApiError(
      'ROLE_UNKNOWN',
      `${unknown.length === 1 ? 'role' : 'roles'} ${unknown.map((name) => `"${name}"`).join(', ')} not found: create ${unknown.length === 1 ? 'it' : 'them'} first, or see "tctl get roles"`,
      { facts: { roles: unknown } },
    )
  }
  return found.flatMap(({ resource }) => (resource === null ? [] : [judgeRole(resource)]))
}

/** A role as it counts. Throws BAD_REQUEST with what is wrong in it. */
export function judgeRole(resource: RoleResource): Role {
  try {
    return parseRole(resource)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', errorMessage(error), { cause: error })
  }
}
