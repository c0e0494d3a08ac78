import { clone, define, isObject, type Json, type JsonObject } from '../json.ts'

/** RFC 7396. */
export function applyMergePatch(document: Json, patch: Json): Json {
  if (!isObject(patch)) return clone(patch)
  const merged: JsonObject = isObject(document) ? clone(document) : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else {
      const before = Object.hasOwn(merged, key) ? (merged[key] ?? null) : null
      define(merged, key, applyMergePatch(before, value))
    }
  }
  return merged
}
