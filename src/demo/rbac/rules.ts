import { type Json, listAt, textAt } from '../json.ts'
import { nameOf, namespaceOf, type Store } from '../store/store.ts'

/** Who asks, after impersonation. */
export interface Principal {
  readonly user: string
  readonly groups: readonly string[]
}

/** One `PolicyRule`. */
export interface Rule {
  readonly verbs: readonly string[]
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
  readonly nonResourceURLs: readonly string[]
}

/** A rule that somebody has, and by which binding. */
export interface HeldRule {
  readonly rule: Rule
  readonly by: string
}

const RBAC = 'rbac.authorization.k8s.io'
const SERVICE_ACCOUNT = 'system:serviceaccount:'

/**
 * The rules that bindings give to somebody: everywhere, and in one namespace when it is not `''`. Bindings whose role is
 * not there give nothing.
 */
export function* rulesOf(
  store: Store,
  principal: Principal,
  namespace: string,
): Generator<HeldRule> {
  for (const binding of store.list(`clusterrolebindings.${RBAC}`)) {
    const subject = subjectOf(binding, principal, '')
    if (subject === null) continue
    const role = textAt(binding, 'roleRef', 'name')
    const by = `ClusterRoleBinding ${quote(nameOf(binding))} of ClusterRole ${quote(role)} to ${subject}`
    for (const rule of rulesIn(store, 'ClusterRole', '', role)) yield { rule, by }
  }
  if (namespace === '') return
  for (const binding of store.list(`rolebindings.${RBAC}`, namespace)) {
    const subject = subjectOf(binding, principal, namespaceOf(binding))
    if (subject === null) continue
    const kind = textAt(binding, 'roleRef', 'kind')
    const role = textAt(binding, 'roleRef', 'name')
    const by = `RoleBinding ${quote(`${nameOf(binding)}/${namespace}`)} of ${kind} ${quote(role)} to ${subject}`
    for (const rule of rulesIn(store, kind, namespace, role)) yield { rule, by }
  }
}

/** The subject of a binding that somebody is, in words; null when there is none. */
function subjectOf(binding: Json, { user, groups }: Principal, namespace: string): string | null {
  for (const subject of listAt(binding, 'subjects')) {
    const name = textAt(subject, 'name')
    switch (textAt(subject, 'kind')) {
      case 'User':
        if (name === user) return `User ${quote(name)}`
        break
      case 'Group':
        if (groups.includes(name)) return `Group ${quote(name)}`
        break
      case 'ServiceAccount': {
        const home = textAt(subject, 'namespace') || namespace
        if (user === `${SERVICE_ACCOUNT}${home}:${name}`) {
          return `ServiceAccount ${quote(`${name}/${home}`)}`
        }
        break
      }
      default:
    }
  }
  return null
}

/** The rules of a stored role; none when it is not there. */
export function rulesIn(
  store: Store,
  kind: string,
  namespace: string,
  name: string,
): readonly Rule[] {
  const role =
    kind === 'ClusterRole'
      ? store.get(`clusterroles.${RBAC}`, '', name)
      : store.get(`roles.${RBAC}`, namespace, name)
  return listAt(role ?? undefined, 'rules').map(ruleOf)
}

export function ruleOf(value: Json): Rule {
  const texts = (name: string): string[] =>
    listAt(value, name).filter((item) => typeof item === 'string')
  return {
    verbs: texts('verbs'),
    apiGroups: texts('apiGroups'),
    resources: texts('resources'),
    resourceNames: texts('resourceNames'),
    nonResourceURLs: texts('nonResourceURLs'),
  }
}

const quote = (text: string): string => JSON.stringify(text)
