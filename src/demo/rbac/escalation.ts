import { forbidden, type Named } from '../api-error.ts'
import { type Json, listAt, textAt } from '../json.ts'
import type { Store } from '../store/store.ts'
import { authorize, ruleAllows, SUPERUSERS } from './authorize.ts'
import { type Principal, type Rule, ruleOf, rulesIn, rulesOf } from './rules.ts'

const RBAC = 'rbac.authorization.k8s.io'

/**
 * Nobody makes or binds a role with rights that he has not himself, unless he may `escalate` or `bind`. Throws ApiError
 * Forbidden.
 */
export function judgeEscalation(
  store: Store,
  principal: Principal,
  type: Named,
  object: Json,
  namespace: string,
): void {
  if (type.group !== RBAC || principal.groups.includes(SUPERUSERS)) return
  const name = textAt(object, 'metadata', 'name')
  const isRole = type.kind === 'Role' || type.kind === 'ClusterRole'
  const target = isRole
    ? { resource: type.resource, name }
    : {
        resource: textAt(object, 'roleRef', 'kind') === 'Role' ? 'roles' : 'clusterroles',
        name: textAt(object, 'roleRef', 'name'),
      }
  const asked = {
    kind: 'resource',
    verb: isRole ? 'escalate' : 'bind',
    group: RBAC,
    subresource: '',
    namespace,
    ...target,
  } as const
  if (authorize(store, principal, asked).allowed) return
  const rules = isRole
    ? listAt(object, 'rules').map(ruleOf)
    : rulesIn(store, textAt(object, 'roleRef', 'kind'), namespace, target.name)
  const held = [...rulesOf(store, principal, namespace)].map(({ rule }) => rule)
  const missing = rules.flatMap((rule) => singleRights(rule)).find((right) => !covers(held, right))
  if (missing === undefined) return
  throw forbidden(
    type,
    name,
    `user ${JSON.stringify(principal.user)} (groups=${JSON.stringify(principal.groups)}) is attempting to grant RBAC permissions not currently held:\n${JSON.stringify(missing)}`,
  )
}

/** A rule as one right for each combination of what it names. */
function singleRights(rule: Rule): Rule[] {
  const names = rule.resourceNames.length === 0 ? [[]] : rule.resourceNames.map((name) => [name])
  const none = { apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [] }
  return rule.verbs.flatMap((verb): Rule[] => [
    ...rule.nonResourceURLs.map((url) => ({ ...none, verbs: [verb], nonResourceURLs: [url] })),
    ...rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        names.map((resourceNames) => ({
          ...none,
          verbs: [verb],
          apiGroups: [group],
          resources: [resource],
          resourceNames,
        })),
      ),
    ),
  ])
}

/** Whether one held rule gives this right. A wildcard is covered by a wildcard only. */
function covers(held: readonly Rule[], right: Rule): boolean {
  const verb = right.verbs[0] ?? ''
  const path = right.nonResourceURLs[0]
  if (path !== undefined) {
    return held.some((rule) => ruleAllows(rule, { kind: 'path', verb, path }))
  }
  const [resource = '', subresource = ''] = (right.resources[0] ?? '').split('/')
  const group = right.apiGroups[0] ?? ''
  return held.some((rule) =>
    ruleAllows(rule, {
      kind: 'resource',
      verb,
      group,
      resource,
      subresource,
      namespace: '',
      name: right.resourceNames[0] ?? '',
    }),
  )
}
