import { badRequest } from '../api-error.ts'
import { clone, define, isObject, type Json, type JsonObject, sameJson } from '../json.ts'
import { shapeOf } from '../schema/shapes.ts'
import type { Schema } from '../schema/types.ts'

const DIRECTIVE = '$patch'
const RETAIN_KEYS = '$retainKeys'
const SET_ORDER = '$setElementOrder/'
const DELETE_PRIMITIVES = '$deleteFromPrimitiveList/'

/**
 * Kubernetes' own patch: a merge patch in which lists with a merge key are merged item by item, with directives
 * (`$patch: delete|replace|merge`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`). What the key of a list
 * is, the shape says. Throws ApiError BadRequest for directives that are none.
 */
export function applyStrategicMergePatch(
  document: JsonObject,
  patch: JsonObject,
  shape: string,
): JsonObject {
  return mergeObjects(document, patch, { type: 'shape', name: shape }) ?? {}
}

/** Null: the patch deletes the object. */
function mergeObjects(document: JsonObject, patch: JsonObject, schema: Schema): JsonObject | null {
  switch (patch[DIRECTIVE]) {
    case undefined:
    case 'merge':
      break
    case 'delete':
      return null
    case 'replace': {
      const { [DIRECTIVE]: _directive, ...rest } = patch
      return clone(rest)
    }
    default:
      throw badRequest(`unknown $patch directive ${JSON.stringify(patch[DIRECTIVE])}`)
  }
  const merged = retained(document, patch[RETAIN_KEYS])
  for (const [key, value] of Object.entries(patch)) {
    if (key === DIRECTIVE || key === RETAIN_KEYS || key.startsWith(SET_ORDER)) continue
    if (key.startsWith(DELETE_PRIMITIVES)) {
      const name = key.slice(DELETE_PRIMITIVES.length)
      const list = merged[name]
      if (Array.isArray(list) && Array.isArray(value)) {
        merged[name] = list.filter((item) => !value.some((gone) => sameJson(item, gone)))
      }
      continue
    }
    mergeField(merged, key, value, fieldSchema(schema, key))
  }
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(SET_ORDER)) continue
    const name = key.slice(SET_ORDER.length)
    const list = merged[name]
    if (Array.isArray(list) && Array.isArray(order)) {
      merged[name] = inOrder(list, order, mergeKeyOf(fieldSchema(schema, name)))
    }
  }
  return merged
}

function retained(document: JsonObject, keys: Json | undefined): JsonObject {
  if (keys === undefined) return clone(document)
  if (!Array.isArray(keys)) throw badRequest('$retainKeys must be a list')
  return clone(Object.fromEntries(Object.entries(document).filter(([key]) => keys.includes(key))))
}

function mergeField(merged: JsonObject, key: string, value: Json, schema: Schema | null): void {
  const before = Object.hasOwn(merged, key) ? merged[key] : undefined
  if (value === null) delete merged[key]
  else if (isObject(value)) {
    const next = mergeObjects(isObject(before) ? before : {}, value, schema ?? UNKNOWN)
    if (next === null) delete merged[key]
    else define(merged, key, next)
  } else if (Array.isArray(value)) {
    define(merged, key, mergeLists(Array.isArray(before) ? before : [], value, schema))
  } else define(merged, key, value)
}

const UNKNOWN: Schema = { type: 'any' }

function mergeLists(
  before: readonly Json[],
  patch: readonly Json[],
  schema: Schema | null,
): Json[] {
  if (schema?.type !== 'list') return clone([...patch])
  if (schema.identity === 'set') {
    const added = patch.filter((item) => !before.some((old) => sameJson(old, item)))
    return clone([...before, ...added])
  }
  const key = schema.mergeKey
  if (key === null) return clone([...patch])
  const replaces = patch.some(
    (item) => isObject(item) && item[DIRECTIVE] === 'replace' && Object.keys(item).length === 1,
  )
  const items = patch.filter(
    (item) => !(isObject(item) && item[DIRECTIVE] === 'replace' && Object.keys(item).length === 1),
  )
  let merged: Json[] = replaces ? [] : clone([...before])
  for (const item of items) {
    if (!isObject(item)) throw badRequest('an item of a merged list must be an object')
    const value = item[key]
    if (value === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
    }
    const index = merged.findIndex((old) => isObject(old) && sameJson(old[key], value))
    const old = merged[index]
    const next = mergeObjects(isObject(old) ? old : {}, item, schema.items)
    if (next === null) merged = merged.filter((_item, at) => at !== index)
    else if (index === -1) merged.push(next)
    else merged[index] = next
  }
  return merged
}

/** What the order names comes in its order; the rest stays behind what it stood behind. */
function inOrder(list: readonly Json[], order: readonly Json[], key: string | null): Json[] {
  const idOf = (item: Json): Json | undefined => (key !== null && isObject(item) ? item[key] : item)
  const rank = (item: Json): number =>
    order.findIndex((wanted) => sameJson(idOf(wanted), idOf(item)))
  const named = list.filter((item) => rank(item) !== -1).sort((a, b) => rank(a) - rank(b))
  const result: Json[] = [...named]
  for (const [index, item] of list.entries()) {
    if (rank(item) !== -1) continue
    const previous = list[index - 1]
    const after = previous === undefined ? -1 : result.indexOf(previous)
    result.splice(after + 1, 0, item)
  }
  return result
}

function fieldSchema(schema: Schema, key: string): Schema | null {
  if (schema.type === 'shape') return shapeOf(schema.name).fields.get(key)?.schema ?? null
  return schema.type === 'map' ? schema.values : null
}

const mergeKeyOf = (schema: Schema | null): string | null =>
  schema?.type === 'list' ? schema.mergeKey : null
