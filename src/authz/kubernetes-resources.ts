import { type Fields, fieldsOf, listOf, notEnforced, only } from './fields.ts'
import type { RoleVersion } from './types.ts'

/**
 * Judges `kubernetes_resources`. Until requests are decided object by object only what means "everything" in the role's
 * version may stand there: in v3 to v6 every pod, since other kinds were not restricted then; since v7 every kind. To
 * leave the field out means everything too, but in v6, where it meant no pods. Throws AuthzError.
 */
export function judgeResources(
  value: unknown,
  path: string,
  version: RoleVersion,
  effect: 'allow' | 'deny',
): void {
  if (effect === 'deny') {
    if (listOf(value, path).length > 0) throw notEnforced(path, 'leave it out')
    return
  }
  const { kind, fields, written, verbs } = EVERYTHING[version]
  if (value === undefined || value === null) {
    if (version !== 'v6') return
    throw notEnforced(path, `its absence means "no pods" in v6; write ${written}, or version v7`)
  }
  const entries = listOf(value, path).map((entry, index) => {
    const place = `${path}[${index}]`
    const item = fieldsOf(entry, place)
    only(item, fields, place)
    return item
  })
  const meansAll = (item: Fields): boolean =>
    item['kind'] === kind &&
    item['namespace'] === '*' &&
    item['name'] === '*' &&
    (item['verbs'] === undefined ? verbs === 'optional' : isStar(item['verbs'])) &&
    (version !== 'v8' || item['api_group'] === '*')
  if (!entries.some(meansAll)) {
    throw notEnforced(path, `write ${written}${version === 'v6' ? '' : ', or nothing'}`)
  }
}

interface Everything {
  readonly kind: string
  readonly fields: readonly string[]
  readonly verbs: 'optional' | 'required'
  /** How a person writes it. */
  readonly written: string
}

const PODS: Everything = {
  kind: 'pod',
  fields: ['kind', 'namespace', 'name', 'verbs'],
  // Verbs came with v7; the one that older versions take is "*".
  verbs: 'optional',
  written: "[{kind: pod, namespace: '*', name: '*'}]",
}

const EVERYTHING: Readonly<Record<RoleVersion, Everything>> = {
  v3: PODS,
  v4: PODS,
  v5: PODS,
  v6: PODS,
  v7: {
    kind: '*',
    fields: ['kind', 'namespace', 'name', 'verbs'],
    verbs: 'required',
    written: "[{kind: '*', namespace: '*', name: '*', verbs: ['*']}]",
  },
  v8: {
    kind: '*',
    fields: ['kind', 'api_group', 'namespace', 'name', 'verbs'],
    verbs: 'required',
    written: "[{kind: '*', api_group: '*', namespace: '*', name: '*', verbs: ['*']}]",
  },
}

const isStar = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 1 && value[0] === '*'
