import type { Store } from '../store/store.ts'
import { type Principal, type Rule, rulesOf } from './rules.ts'

/** What somebody wants to do, in the words of `authorizer.Attributes`. */
export type Attributes =
  | {
      readonly kind: 'resource'
      readonly verb: string
      readonly group: string
      readonly resource: string
      readonly subresource: string
      readonly namespace: string
      readonly name: string
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string }

export interface Verdict {
  readonly allowed: boolean
  /** Which binding allowed it; `''` when none did. */
  readonly reason: string
}

/** The group that may do everything, before any binding is read. */
export const SUPERUSERS = 'system:masters'

/** Kubernetes RBAC over the stored roles and bindings. */
export function authorize(store: Store, principal: Principal, asked: Attributes): Verdict {
  if (principal.groups.includes(SUPERUSERS)) return { allowed: true, reason: '' }
  const namespace = asked.kind === 'resource' ? asked.namespace : ''
  for (const { rule, by } of rulesOf(store, principal, namespace)) {
    if (ruleAllows(rule, asked)) return { allowed: true, reason: `RBAC: allowed by ${by}` }
  }
  return { allowed: false, reason: '' }
}

export function ruleAllows(rule: Rule, asked: Attributes): boolean {
  if (!(rule.verbs.includes('*') || rule.verbs.includes(asked.verb))) return false
  if (asked.kind === 'path') return rule.nonResourceURLs.some((url) => pathMatches(url, asked.path))
  return (
    (rule.apiGroups.includes('*') || rule.apiGroups.includes(asked.group)) &&
    rule.resources.some((resource) => resourceMatches(resource, asked)) &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(asked.name))
  )
}

/** `pods`, `pods/exec`, `*` for everything, `*` + `/scale` for that subresource of everything. */
function resourceMatches(
  rule: string,
  { resource, subresource }: { readonly resource: string; readonly subresource: string },
): boolean {
  if (rule === '*') return true
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`
  return rule === wanted || (subresource !== '' && rule === `*/${subresource}`)
}

/** `*` at the end stands for anything. */
function pathMatches(rule: string, path: string): boolean {
  return rule === '*' || rule === path || (rule.endsWith('*') && path.startsWith(rule.slice(0, -1)))
}

/** Kubernetes' words for a refusal. */
export function refusalWords(principal: Principal, asked: Attributes): string {
  const user = JSON.stringify(principal.user)
  if (asked.kind === 'path')
    return `User ${user} cannot ${asked.verb} path ${JSON.stringify(asked.path)}`
  const resource =
    asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`
  const scope =
    asked.namespace === ''
      ? 'at the cluster scope'
      : `in the namespace ${JSON.stringify(asked.namespace)}`
  return `User ${user} cannot ${asked.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(asked.group)} ${scope}`
}
