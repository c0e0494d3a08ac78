import type { ApiRule, RuleRef, Subject } from './types.ts'

export type ApiDecision =
  | { readonly effect: 'allow'; readonly by: RuleRef }
  | { readonly effect: 'deny'; readonly by: RuleRef | null }

/** Whether a subject's roles open an endpoint of the management API. A deny rule wins over every allow rule. */
export function decideApi(subject: Subject, resource: string, verb: string): ApiDecision {
  const matching = (effect: 'allow' | 'deny'): RuleRef | null => {
    const role = subject.roles.find((candidate) =>
      candidate[effect].rules.some((rule) => ruleMatches(rule, resource, verb)),
    )
    return role === undefined ? null : { role: role.name, effect, field: 'rules' }
  }
  const denied = matching('deny')
  if (denied !== null) return { effect: 'deny', by: denied }
  const allowed = matching('allow')
  return allowed === null ? { effect: 'deny', by: null } : { effect: 'allow', by: allowed }
}

const ruleMatches = ({ resources, verbs }: ApiRule, resource: string, verb: string): boolean =>
  holds(resources, resource) && holds(verbs, verb)

const holds = (list: readonly string[], wanted: string): boolean =>
  list.includes('*') || list.includes(wanted)

/** `role "dev" allow.kubernetes_labels`: how a rule is named in events and refusals. */
export const describeRule = ({ role, effect, field }: RuleRef): string =>
  `role "${role}" ${effect}.${field}`
