import { ruleOf } from './rule-ref.ts'
import type { ApiRule, RuleRef, Subject } from './types.ts'

export type ApiDecision =
  | { readonly effect: 'allow'; readonly by: RuleRef }
  | { readonly effect: 'deny'; readonly by: RuleRef | null }

/** Whether a subject's roles open an endpoint of the management API. A deny rule wins over every allow rule. */
export function decideApi({ roles }: Subject, resource: string, verb: string): ApiDecision {
  const ruled = (effect: 'allow' | 'deny'): RuleRef | null =>
    ruleOf(
      roles.filter((role) => role[effect].rules.some((rule) => ruleMatches(rule, resource, verb))),
      effect,
      'rules',
    )
  const denied = ruled('deny')
  if (denied !== null) return { effect: 'deny', by: denied }
  const allowed = ruled('allow')
  return allowed === null ? { effect: 'deny', by: null } : { effect: 'allow', by: allowed }
}

const ruleMatches = ({ resources, verbs }: ApiRule, resource: string, verb: string): boolean =>
  holds(resources, resource) && holds(verbs, verb)

const holds = (list: readonly string[], wanted: string): boolean =>
  list.includes('*') || list.includes(wanted)
