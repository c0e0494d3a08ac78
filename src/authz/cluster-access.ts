import type { Traits } from '../identity/index.ts'
import { labelsMatch } from './labels.ts'
import { PatternCache } from './pattern.ts'
import { expandTemplate } from './template.ts'
import type { ClusterAccess, Denial, KubeClusterRef, Role, RuleRef, Subject } from './types.ts'

/**
 * What a subject may be on a cluster. A role contributes when its allow labels match; any role's deny labels that match
 * deny; groups and users of deny are taken away wherever they came from. When no contributing role gives a user, the
 * subject is himself. Pure: the same for any order of roles.
 */
export function clusterAccess(subject: Subject, cluster: KubeClusterRef): ClusterAccess {
  const patterns = new PatternCache()
  const { roles, traits } = subject
  const denying = roles.find((role) =>
    labelsMatch(role.deny.kubernetesLabels, cluster.labels, traits, patterns),
  )
  if (denying !== undefined) {
    return clusterDenied({ role: denying.name, effect: 'deny', field: 'kubernetes_labels' })
  }
  const contributing = roles.filter((role) =>
    labelsMatch(role.allow.kubernetesLabels, cluster.labels, traits, patterns),
  )
  const [first] = [...contributing].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (first === undefined) return clusterDenied(null)

  const given = {
    groups: expandAll(contributing, 'kubernetesGroups', traits),
    users: expandAll(contributing, 'kubernetesUsers', traits),
  }
  const selfImpersonation = given.users.length === 0
  const denied = {
    groups: roles.flatMap((role) => expand(role.deny.kubernetesGroups, traits)),
    users: roles.flatMap((role) => expand(role.deny.kubernetesUsers, traits)),
  }
  const without = (values: readonly string[], removed: readonly string[]): string[] =>
    values.filter((value) => !removed.some((pattern) => patterns.matches(pattern, value)))
  const groups = without(given.groups, denied.groups)
  const users = without(selfImpersonation ? [subject.user] : given.users, denied.users)

  if (given.groups.length === 0 && selfImpersonation && !namesPrincipals(contributing)) {
    return noPrincipals(null)
  }
  if (users.length === 0) {
    const role = roles.find(({ deny }) => deny.kubernetesUsers.length > 0)
    return noPrincipals(
      role === undefined ? null : { role: role.name, effect: 'deny', field: 'kubernetes_users' },
    )
  }
  return {
    effect: 'allow',
    by: { role: first.name, effect: 'allow', field: 'kubernetes_labels' },
    users,
    defaultUser: defaultUser(users, subject.user),
    groups,
  }
}

/** Of several users the own name is the one to begin with, so that `--as` is a step up and not a must. */
function defaultUser(users: readonly string[], own: string): string | null {
  const [only, other] = users
  if (only !== undefined && other === undefined) return only
  return users.includes(own) ? own : null
}

/** Whether any role speaks of groups or users at all, even if the person's traits give none. */
const namesPrincipals = (roles: readonly Role[]): boolean =>
  roles.some(({ allow }) => allow.kubernetesUsers.length > 0 || allow.kubernetesGroups.length > 0)

function expandAll(
  roles: readonly Role[],
  field: 'kubernetesGroups' | 'kubernetesUsers',
  traits: Traits,
): string[] {
  return [...new Set(roles.flatMap((role) => expand(role.allow[field], traits)))].sort()
}

const expand = (texts: readonly string[], traits: Traits): readonly string[] =>
  texts.flatMap((text) => expandTemplate(text, traits))

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
    'your roles reach this cluster but give you no Kubernetes group and no Kubernetes user in it: ask an administrator to set kubernetes_groups or kubernetes_users',
})
