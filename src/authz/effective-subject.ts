import type { Traits, UserIdentity } from '../identity/index.ts'
import type { Role, Subject } from './types.ts'

/**
 * Holds a certificate against today's user: only roles and trait values that are in both count. What was taken away is
 * gone at once, what was added needs a new certificate; a user who is gone is nobody (null).
 */
export function effectiveSubject(
  identity: UserIdentity,
  user: {
    readonly name: string
    readonly roles: readonly string[]
    readonly traits: Traits
  } | null,
  roles: ReadonlyMap<string, Role>,
): Subject | null {
  if (user === null || user.name !== identity.user) return null
  const kept = [...new Set(identity.roles)].filter((name) => user.roles.includes(name))
  return {
    user: identity.user,
    roles: kept.flatMap((name) => roles.get(name) ?? []),
    traits: intersect(identity.traits, user.traits),
  }
}

function intersect(certified: Traits, current: Traits): Traits {
  const traits: Record<string, readonly string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, values] of Object.entries(certified)) {
    if (!Object.hasOwn(current, name)) continue
    const now = new Set(current[name])
    traits[name] = values.filter((value) => now.has(value))
  }
  return traits
}
