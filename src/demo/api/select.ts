import { ApiError, badRequest } from '../api-error.ts'
import { type JsonObject, textAt, textsAt } from '../json.ts'
import type { ResourceType } from '../resources/types.ts'
import { type FieldTerm, parseFieldSelector, parseLabelSelector } from '../store/selectors.ts'
import { servedObject } from './forms.ts'
import type { Query } from './query.ts'

export type ObjectTest = (stored: JsonObject) => boolean

/**
 * The test that `labelSelector`, `fieldSelector` and a name in the path make together. Throws ApiError BadRequest for a
 * selector that is none, or a field that the kind does not offer.
 */
export function selectionOf(type: ResourceType, query: Query, name: string): ObjectTest {
  const labels = query.text('labelSelector')
  const labelTest = labels === '' ? null : parseLabelSelector(labels)
  const terms: FieldTerm[] = [
    ...parseFieldSelector(query.text('fieldSelector')),
    ...(name === '' ? [] : [{ field: 'metadata.name', equal: true, value: name }]),
  ]
  const known = fieldsOf(type, {})
  for (const { field } of terms) {
    if (!Object.hasOwn(known, field)) throw badRequest(`field label not supported: ${field}`)
  }
  return (stored) => {
    if (labelTest !== null && !labelTest(textsAt(stored, 'metadata', 'labels'))) return false
    if (terms.length === 0) return true
    const fields = fieldsOf(type, servedObject(type, stored))
    return terms.every(({ field, equal, value }) => (fields[field] === value) === equal)
  }
}

const fieldsOf = (type: ResourceType, object: JsonObject): Readonly<Record<string, string>> => ({
  'metadata.name': textAt(object, 'metadata', 'name'),
  ...(type.namespaced ? { 'metadata.namespace': textAt(object, 'metadata', 'namespace') } : {}),
  ...type.fields?.(object),
})

/** A revision that has not come yet. */
export const tooLargeRevision = (asked: number, current: number): ApiError =>
  new ApiError('Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
