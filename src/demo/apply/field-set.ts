import { isObject, type Json, type JsonObject, sameJson } from '../json.ts'
import { shapeOf } from '../schema/shapes.ts'
import type { Schema } from '../schema/types.ts'

/**
 * A set of fields of an object: each member is a path of steps as in `FieldsV1` (`f:spec`, `k:{"name":"web"}`, `v:"x"`),
 * joined by NUL. A path can be a member and have members below it.
 */
export type FieldSet = ReadonlySet<string>

const JOIN = '\u0000'
export const joinPath = (steps: readonly string[]): string => steps.join(JOIN)
export const splitPath = (path: string): string[] => path.split(JOIN)

/** The members of a set that are the path itself, or below it. */
export const isWithin = (path: string, parent: string): boolean =>
  path === parent || path.startsWith(`${parent}${JOIN}`)

export type Visit = (steps: readonly string[], value: Json, leaf: boolean) => void

const ANY: Schema = { type: 'any' }

/** Walks an object by its shape and visits everything that can be owned, containers before what is in them. */
export function walkFields(object: JsonObject, shape: string, visit: Visit): void {
  walkObject(object, (key) => shapeOf(shape).fields.get(key)?.schema ?? ANY, [], visit)
}

function walkObject(
  object: JsonObject,
  schemaOf: (key: string) => Schema,
  steps: readonly string[],
  visit: Visit,
): void {
  for (const [key, value] of Object.entries(object)) {
    walkValue(value, schemaOf(key), [...steps, `f:${key}`], visit)
  }
}

function walkValue(value: Json, schema: Schema, steps: readonly string[], visit: Visit): void {
  if (isObject(value) && isGranular(schema)) {
    visit(steps, value, Object.keys(value).length === 0)
    walkObject(value, (key) => childSchema(schema, key), steps, visit)
  } else if (Array.isArray(value) && schema.type === 'list' && schema.identity !== 'atomic') {
    visit(steps, value, value.length === 0)
    for (const item of value) {
      const here = [...steps, itemStep(item, schema.identity)]
      if (schema.identity === 'set' || !isObject(item)) visit(here, item, true)
      else {
        visit(here, item, true)
        walkObject(item, (key) => childSchema(schema.items, key), here, visit)
      }
    }
  } else {
    visit(steps, value, true)
  }
}

/** Whether the parts of an object are owned one by one. Where no shape is known they are, too. */
export function isGranular(schema: Schema): boolean {
  switch (schema.type) {
    case 'shape':
      return !shapeOf(schema.name).atomic
    case 'map':
      return !schema.atomic
    default:
      return schema.type === 'any'
  }
}

export function childSchema(schema: Schema, key: string): Schema {
  switch (schema.type) {
    case 'shape':
      return shapeOf(schema.name).fields.get(key)?.schema ?? ANY
    case 'map':
      return schema.values
    default:
      return ANY
  }
}

/** The step to an item of a list whose items are known by value or by keys. */
export function itemStep(item: Json, identity: 'set' | 'atomic' | readonly string[]): string {
  if (typeof identity === 'string') return `v:${JSON.stringify(item)}`
  const keys: JsonObject = {}
  for (const key of [...identity].sort()) {
    const value = isObject(item) ? (item[key] ?? KEY_DEFAULTS[key]) : undefined
    if (value !== undefined) keys[key] = value
  }
  return `k:${JSON.stringify(keys)}`
}

/** Keys that may be left out of an item. */
const KEY_DEFAULTS: Readonly<Record<string, Json>> = { protocol: 'TCP' }

/** What an applied configuration owns: its values, and items of lists as such. */
export function ownedBy(object: JsonObject, shape: string): Set<string> {
  const set = new Set<string>()
  walkFields(object, shape, (steps, _value, leaf) => {
    if (leaf) set.add(joinPath(steps))
  })
  return set
}

/** Everything that is there, containers too. */
export function allFields(object: JsonObject, shape: string): Map<string, Json> {
  const fields = new Map<string, Json>()
  walkFields(object, shape, (steps, value, leaf) => {
    // Items are members as such: their content is compared by its own members.
    const last = steps.at(-1) ?? ''
    fields.set(joinPath(steps), leaf && !last.startsWith('k:') ? value : null)
  })
  return fields
}

/** What differs between two versions of an object: what is new or has another value, and what is gone. */
export function compareFields(
  before: JsonObject,
  after: JsonObject,
  shape: string,
): { changed: Set<string>; removed: Set<string> } {
  const was = allFields(before, shape)
  const is = allFields(after, shape)
  const changed = new Set<string>()
  const removed = new Set<string>()
  for (const [path, value] of is) {
    if (!was.has(path) || !sameJson(was.get(path), value)) changed.add(path)
  }
  for (const path of was.keys()) if (!is.has(path)) removed.add(path)
  return { changed, removed }
}

/** The wire form. */
export function formatFieldsV1(set: FieldSet): JsonObject {
  const root: JsonObject = {}
  for (const path of set) {
    let here = root
    for (const step of splitPath(path)) {
      const next = Object.hasOwn(here, step) ? here[step] : undefined
      if (isObject(next)) here = next
      else {
        const made: JsonObject = {}
        here[step] = made
        here = made
      }
    }
    here['.'] = {}
  }
  return dropLeafMarks(root)
}

/** A member without others below it is written as `{}`; only others need the dot. */
function dropLeafMarks(node: JsonObject): JsonObject {
  const keys = Object.keys(node)
  if (keys.length === 1 && keys[0] === '.') return {}
  return Object.fromEntries(
    keys.sort().map((key) => {
      const child = node[key]
      return [key, key !== '.' && isObject(child) ? dropLeafMarks(child) : {}]
    }),
  )
}

export function parseFieldsV1(value: Json | undefined): Set<string> {
  const set = new Set<string>()
  if (isObject(value)) collect(value, [], set)
  return set
}

/** Deep enough for any object of the API, and an end for what is none. */
const MAX_DEPTH = 64

function collect(node: JsonObject, steps: readonly string[], set: Set<string>): void {
  if (steps.length > MAX_DEPTH) return
  const keys = Object.keys(node)
  if (steps.length > 0 && (keys.length === 0 || Object.hasOwn(node, '.'))) set.add(joinPath(steps))
  for (const key of keys) {
    const child = node[key]
    if (key !== '.' && isObject(child)) collect(child, [...steps, key], set)
  }
}

/** `.spec.template.spec.containers[name="web"].image`, as conflicts name it. */
export function pathWords(path: string): string {
  return splitPath(path)
    .map((step) => {
      if (step.startsWith('f:')) return `.${step.slice(2)}`
      if (step.startsWith('v:')) return `[=${step.slice(2)}]`
      try {
        const keys: unknown = JSON.parse(step.slice(2))
        const pairs = Object.entries(isObject(keys) ? keys : {})
        return `[${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
      } catch {
        return `[${step.slice(2)}]`
      }
    })
    .join('')
}
