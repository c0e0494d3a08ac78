import type { Traits } from '../identity/index.ts'
import { serviceAccountGroups } from '../kube/index.ts'
import { labelsMatch, labelsMayMatch } from './labels.ts'
import { ruleOf } from './rule-ref.ts'
import { expand, type Template } from './template.ts'
import type { ClusterAccess, Denial, KubeClusterRef, Role, RuleRef, Subject } from './types.ts'

/**
 * What a subject may be on a cluster. A role contributes when its allow labels match; any role's deny labels that match,
 * or may, deny; groups and users of deny are taken away wherever they came from. When the contributing roles give no user, the
 * person is himself, also when their templates find nothing in his traits; a role that names neither groups nor users
 * gives no access, since what says nothing about Kubernetes must not open it. Pure, and the same for any order of roles.
 */
export function clusterAccess(subject: Subject, cluster: KubeClusterRef): ClusterAccess {
  const { roles, traits, denyTraits } = subject
  const forbidding = roles.filter(({ deny }) =>
    labelsMayMatch(deny.kubernetesLabels, cluster, denyTraits),
  )
  const forbidden = ruleOf(forbidding, 'deny', 'kubernetes_labels')
  if (forbidden !== null) return clusterDenied(forbidden)
  const contributing = roles.filter(({ allow }) =>
    labelsMatch(allow.kubernetesLabels, cluster, traits),
  )
  if (contributing.length === 0) return clusterDenied(null)

  const given = givenBy(contributing, traits)
  const by = ruleOf(given.roles, 'allow', 'kubernetes_labels')
  if (by === null) return noPrincipals(null)
  const isSelf = given.users.length === 0
  const groups = withoutDenied(given.groups, roles, 'kubernetesGroups', denyTraits)
  const users = withoutDenied(
    isSelf ? himself(subject) : given.users,
    roles,
    'kubernetesUsers',
    denyTraits,
  )
  if (users.kept.length === 0) {
    return noPrincipals(ruleOf(users.takers, 'deny', 'kubernetes_users'))
  }
  // Who is kept out of every group that his roles name is not let in without one.
  if (isSelf && groups.kept.length === 0 && groups.takers.length > 0) {
    return noPrincipals(ruleOf(groups.takers, 'deny', 'kubernetes_groups'))
  }
  return {
    effect: 'allow',
    by,
    users: users.kept,
    defaultUser: defaultUser(users.kept, subject.user),
    groups: groups.kept,
    accountGroups: accountGroups(users.kept, roles, denyTraits),
  }
}

function accountGroups(
  users: readonly string[],
  roles: readonly Role[],
  denyTraits: Traits,
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const user of users) {
    const groups = serviceAccountGroups(user)
    if (groups.length === 0) continue
    found.set(user, withoutDenied(groups, roles, 'kubernetesGroups', denyTraits).kept)
  }
  return found
}

/** A certificate with a name that Kubernetes keeps for itself would be one of its own components. */
const himself = ({ user }: Subject): readonly string[] => (user.startsWith('system:') ? [] : [user])

/** Of several users the own name is the one to begin with, so that `--as` is a step up and not a must. */
function defaultUser(users: readonly string[], own: string): string | null {
  const [only, other] = users
  if (only !== undefined && other === undefined) return only
  return users.includes(own) ? own : null
}

interface Given {
  readonly groups: readonly string[]
  readonly users: readonly string[]
  /** The roles that name groups or users. */
  readonly roles: readonly Role[]
}

function givenBy(roles: readonly Role[], traits: Traits): Given {
  const groups = new Set<string>()
  const users = new Set<string>()
  const giving = roles.filter(
    ({ allow }) => allow.kubernetesGroups.length > 0 || allow.kubernetesUsers.length > 0,
  )
  for (const { allow } of giving) {
    expandInto(groups, allow.kubernetesGroups, traits)
    expandInto(users, allow.kubernetesUsers, traits)
  }
  return { groups: [...groups].sort(), users: [...users].sort(), roles: giving }
}

function expandInto(names: Set<string>, templates: readonly Template[], traits: Traits): void {
  for (const template of templates) for (const name of expand(template, traits)) names.add(name)
}

interface Remaining {
  readonly kept: readonly string[]
  /** The roles that took something. */
  readonly takers: readonly Role[]
}

function withoutDenied(
  names: readonly string[],
  roles: readonly Role[],
  field: 'kubernetesGroups' | 'kubernetesUsers',
  traits: Traits,
): Remaining {
  const takes = ({ deny }: Role, name: string): boolean =>
    deny[field].some((pattern) => pattern.matches(name, traits))
  const takers = roles.filter((role) => names.some((name) => takes(role, name)))
  if (takers.length === 0) return { kept: names, takers }
  return { kept: names.filter((name) => !takers.some((role) => takes(role, name))), takers }
}

/** The same words whether a cluster is forbidden or does not exist: who may not reach it learns nothing of it. */
const clusterDenied = (by: RuleRef | null): Denial => ({
  effect: 'deny',
  by,
  code: 'CLUSTER_DENIED',
  message:
    'access to this Kubernetes cluster is denied: no such cluster, or none of your roles reaches it. Ask an administrator',
})

const noPrincipals = (by: RuleRef | null): Denial => ({
  effect: 'deny',
  by,
  code: 'NO_KUBERNETES_PRINCIPALS',
  message:
    by === null
      ? 'your roles reach this cluster but give you no Kubernetes group and no Kubernetes user in it: ask an administrator to set kubernetes_groups or kubernetes_users'
      : `your roles reach this cluster but ${by.effect}.${by.field} of role ${JSON.stringify(by.role)} leaves you nothing to be in it: ask an administrator`,
})
