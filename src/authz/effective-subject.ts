import type { Traits, UserIdentity } from '../identity/index.ts'
import { restrictsSessions } from './session-options.ts'
import type { Role, Subject } from './types.ts'

/**
 * Holds a certificate against today's user. A role allows when both have it: what was taken away is gone at once, what
 * was added needs a new certificate. A role that only today's user has denies and restricts nevertheless, at once: a
 * year-old certificate of a robot must not be a way around it. Trait values count for allow when both have them, for
 * deny when either has. A user who is gone is nobody (null), also when there is a new one of his name: a certificate that
 * is older than the user was another's. A role that is not in `roles` is none.
 */
export function effectiveSubject(
  identity: UserIdentity,
  user: {
    readonly name: string
    readonly roles: readonly string[]
    readonly traits: Traits
    /** Milliseconds since the epoch. */
    readonly createdMs: number
  } | null,
  roles: ReadonlyMap<string, Role>,
): Subject | null {
  if (user === null || user.name !== identity.user) return null
  if (identity.issuedAtMs < user.createdMs) return null
  const certified = new Set(identity.roles)
  const held = [...new Set(user.roles)].flatMap((name) => roles.get(name) ?? [])
  return {
    user: identity.user,
    roles: held.flatMap((role) => (certified.has(role.name) ? role : restrictionOf(role))),
    traits: intersect(identity.traits, user.traits),
    denyTraits: unite(identity.traits, user.traits),
  }
}

/** The role without what it allows; none, when it then says nothing any more. */
function restrictionOf(role: Role): readonly Role[] {
  const { kubernetesGroups, kubernetesUsers, kubernetesLabels, rules } = role.deny
  const denies = [kubernetesGroups, kubernetesUsers, kubernetesLabels, rules].some(
    (list) => list.length > 0,
  )
  const nothing = { kubernetesGroups: [], kubernetesUsers: [], kubernetesLabels: [], rules: [] }
  return denies || restrictsSessions(role) ? [{ ...role, allow: nothing }] : []
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

function unite(certified: Traits, current: Traits): Traits {
  const traits: Record<string, readonly string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, values] of [...Object.entries(certified), ...Object.entries(current)]) {
    traits[name] = [...new Set([...(traits[name] ?? []), ...values])]
  }
  return traits
}
