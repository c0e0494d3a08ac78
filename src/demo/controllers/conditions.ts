import { isObject, type Json, type JsonObject, listAt, textAt } from '../json.ts'

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason?: string
  readonly message?: string
}

/** The conditions with one set; the time of its last transition stays while its status does. */
export function withCondition(
  conditions: readonly Json[],
  condition: Condition,
  now: string,
  extra: JsonObject = {},
): Json[] {
  const old = conditions.find((item) => textAt(item, 'type') === condition.type)
  const same = textAt(old, 'status') === condition.status
  const next: JsonObject = {
    ...(isObject(old) && same
      ? { lastTransitionTime: old['lastTransitionTime'] ?? now }
      : { lastTransitionTime: now }),
    ...extra,
    ...condition,
  }
  return old === undefined
    ? [...conditions, next]
    : conditions.map((item) => (item === old ? next : item))
}

export const conditionsOf = (object: JsonObject): readonly Json[] =>
  listAt(object, 'status', 'conditions')
