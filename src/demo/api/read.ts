import { badRequest, expired, notFound } from '../api-error.ts'
import type { JsonObject } from '../json.ts'
import { type ResourceType, storageOf } from '../resources/types.ts'
import { formatContinue, pageExpired, parseContinue } from '../store/page.ts'
import { keyOf, nameOf, namespaceOf } from '../store/store.ts'
import type { ApiEnv } from './env.ts'
import type { ListFacts } from './forms.ts'
import type { Query } from './query.ts'
import { selectionOf, tooLargeRevision } from './select.ts'

/** Throws ApiError NotFound. */
export function readOne(
  { store }: ApiEnv,
  type: ResourceType,
  namespace: string,
  name: string,
): JsonObject {
  const found = store.get(storageOf(type), type.namespaced ? namespace : '', name)
  if (found === null) throw notFound(type, name)
  return found
}

/** The objects that a list asks for, page by page when it has a limit. Throws ApiError. */
export function readMany(
  { store }: ApiEnv,
  type: ResourceType,
  namespace: string,
  query: Query,
): { objects: JsonObject[]; facts: ListFacts } {
  const token = query.text('continue')
  const from = token === '' ? null : parseContinue(token)
  judgeRevision(store.revision, query, token !== '')
  if (from !== null && store.changesAfter(from.revision, '') === null) throw pageExpired()
  const matches = selectionOf(type, query, '')
  const after = from?.after ?? ''
  const found = store
    .list(storageOf(type), namespace)
    .filter((object) => after === '' || keyOf(namespaceOf(object), nameOf(object)) > after)
    .filter(matches)
  const limit = query.number('limit') ?? 0
  const revision = from?.revision ?? store.revision
  if (limit <= 0 || found.length <= limit) {
    return { objects: found, facts: { revision, continue: '', remaining: null } }
  }
  const objects = found.slice(0, limit)
  const last = objects.at(-1) ?? {}
  const next = formatContinue({ revision, after: keyOf(namespaceOf(last), nameOf(last)) })
  const selective = query.text('labelSelector') !== '' || query.text('fieldSelector') !== ''
  const remaining = selective ? null : found.length - limit
  return { objects, facts: { revision, continue: next, remaining } }
}

/** Only the present can be read: exactly some other revision is too old, a later one has not come. */
function judgeRevision(current: number, query: Query, continued: boolean): void {
  const asked = query.revision()
  const match = query.text('resourceVersionMatch')
  if (match !== '' && asked === null) {
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (asked === null || asked === 0) return
  if (continued) throw badRequest('specifying resource version is not allowed when using continue')
  if (asked > current) throw tooLargeRevision(asked, current)
  if (match === 'Exact' && asked < current) {
    throw expired('The resourceVersion for the provided list is too old.')
  }
}
