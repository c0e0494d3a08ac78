import { ApiError, type Named, qualified } from '../api-error.ts'
import { clone, isObject, type Json, type JsonObject, sameJson } from '../json.ts'
import type { Schema } from '../schema/types.ts'
import {
  allFields,
  childSchema,
  isGranular,
  isWithin,
  itemStep,
  ownedBy,
  pathWords,
  splitPath,
} from './field-set.ts'
import { canOwn, type Manager, readManagers, sameManager, writeManagers } from './managed-fields.ts'
import type { Writer } from './own.ts'

/**
 * Server-side apply: lays a configuration over what is there, takes away what this manager had applied before and now leaves
 * out, and notes who owns what. Throws ApiError Conflict when another manager owns a field that would change, unless
 * `force` takes it from him. `live` is null for a new object.
 */
export function applyConfiguration(order: {
  readonly live: JsonObject | null
  readonly configuration: JsonObject
  readonly type: Named & { readonly shape: string }
  readonly writer: Writer
  readonly force: boolean
}): JsonObject {
  const { live, configuration, type, writer, force } = order
  const { shape } = type
  const wanted = new Set(
    [...ownedBy(configuration, shape)].filter((path) => canOwn(path, writer.subresource)),
  )
  const own = { ...writer, operation: 'Apply' } as const
  const managers = readManagers(live)
  const mine = managers.find((manager) => sameManager(manager, own))
  const others = managers.filter((manager) => manager !== mine)
  const schema: Schema = { type: 'shape', name: shape }
  const merged = mergeValues(live ?? {}, configuration, schema)
  if (!isObject(merged)) throw new TypeError('"configuration" must be an object')

  const conflicts = conflictsOf(live ?? {}, merged, shape, wanted, others)
  if (conflicts.length > 0 && !force) throw conflictError(type, merged, conflicts)

  const before = mine?.fields ?? new Set<string>()
  const left = [...before].filter(
    (path) =>
      !wanted.has(path) &&
      ![...wanted].some((kept) => isWithin(kept, path)) &&
      !others.some(({ fields }) => [...fields].some((other) => isWithin(other, path))),
  )
  // Items before what is in them: the shortest path first.
  for (const path of left.sort((a, b) => a.length - b.length)) {
    removePath(merged, schema, splitPath(path))
  }

  const present = allFields(merged, shape)
  const taken = new Set(conflicts.map(({ path }) => path))
  const next = { ...own, fields: wanted }
  const unchanged = mine !== undefined && sameSet(mine.fields, wanted)
  writeManagers(merged, [
    ...others.map(
      (manager): Manager => ({
        ...manager,
        fields: new Set(
          [...manager.fields].filter((path) => present.has(path) && !taken.has(path)),
        ),
      }),
    ),
    unchanged ? { ...next, time: mine.time } : next,
  ])
  return merged
}

interface FieldConflict {
  readonly path: string
  readonly owner: Manager
}

function conflictsOf(
  live: JsonObject,
  merged: JsonObject,
  shape: string,
  wanted: ReadonlySet<string>,
  others: readonly Manager[],
): FieldConflict[] {
  const was = allFields(live, shape)
  const willBe = allFields(merged, shape)
  return others.flatMap((owner) =>
    [...owner.fields]
      .filter((path) => wanted.has(path) && !sameJson(was.get(path), willBe.get(path)))
      .map((path) => ({ path, owner })),
  )
}

function conflictError(
  type: Named,
  object: JsonObject,
  conflicts: readonly FieldConflict[],
): ApiError {
  const byOwner = Map.groupBy(conflicts, ({ owner }) => ownerWords(owner))
  const parts = [...byOwner].map(([owner, all]) =>
    conflicts.length === 1
      ? `conflict with ${owner}: ${pathWords(all[0]?.path ?? '')}`
      : `conflicts with ${owner}:\n${all.map(({ path }) => `- ${pathWords(path)}`).join('\n')}`,
  )
  const count = conflicts.length === 1 ? '1 conflict' : `${conflicts.length} conflicts`
  const { metadata } = object
  return new ApiError('Conflict', `Apply failed with ${count}: ${parts.join('\n')}`, {
    name: isObject(metadata) ? (metadata['name'] ?? '') : '',
    kind: qualified(type),
    causes: conflicts.map(({ path, owner }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${ownerWords(owner)}`,
      field: pathWords(path),
    })),
  })
}

/** As Kubernetes has it: who applies is told by name alone, who updates with when. */
function ownerWords({ manager, apiVersion, operation, subresource, time }: Manager): string {
  if (operation === 'Apply') return JSON.stringify(manager)
  const part = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  const when = time === '' ? '' : ` at ${time}`
  return `${JSON.stringify(manager)}${part} using ${apiVersion}${when}`
}

/** What is applied wins; what it leaves out stays. Lists with keys are merged item by item, others replaced. */
function mergeValues(live: Json | undefined, applied: Json, schema: Schema): Json {
  if (isObject(applied) && isObject(live) && isGranular(schema)) {
    const merged = clone(live)
    for (const [key, value] of Object.entries(applied)) {
      merged[key] = mergeValues(live[key], value, childSchema(schema, key))
    }
    return merged
  }
  if (Array.isArray(applied) && Array.isArray(live) && schema.type === 'list') {
    const { identity, items } = schema
    if (identity !== 'atomic') {
      const step = (item: Json): string => itemStep(item, identity)
      const found = new Map(live.map((item) => [step(item), item]))
      const wanted = new Map(applied.map((item) => [step(item), item]))
      const kept = live.map((item) => {
        const over = wanted.get(step(item))
        return over === undefined ? clone(item) : mergeValues(item, over, items)
      })
      const added = applied.filter((item) => !found.has(step(item)))
      return [...kept, ...clone(added)]
    }
  }
  return clone(applied)
}

/** Takes a field or item away, and containers that are empty after it. */
function removePath(value: Json, schema: Schema, steps: readonly string[]): void {
  const [step = '', ...rest] = steps
  if (isObject(value) && step.startsWith('f:')) {
    const key = step.slice(2)
    const child = value[key]
    if (child === undefined) return
    if (rest.length === 0) delete value[key]
    else {
      removePath(child, childSchema(schema, key), rest)
      if (isEmpty(child)) delete value[key]
    }
    return
  }
  if (!Array.isArray(value) || schema.type !== 'list') return
  const index = value.findIndex((item) => itemStep(item, schema.identity) === step)
  if (index === -1) return
  const item = value[index]
  if (rest.length === 0) value.splice(index, 1)
  else if (item !== undefined) removePath(item, schema.items, rest)
}

const isEmpty = (value: Json): boolean =>
  Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0

const sameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((path) => b.has(path))
