import type { Role, RuleRef } from './types.ts'

/** A rule of the first of these roles by name, so that the order of roles decides nothing; null when there is none. */
export function ruleOf(
  roles: readonly Role[],
  effect: RuleRef['effect'],
  field: string,
): RuleRef | null {
  let first: string | null = null
  for (const { name } of roles) {
    if (first === null || name < first) first = name
  }
  return first === null ? null : { role: first, effect, field }
}

/** `role "dev" allow.kubernetes_labels`: how a rule is named in events and refusals. */
export const describeRule = ({ role, effect, field }: RuleRef): string =>
  `role "${role}" ${effect}.${field}`
