import { type Field, type ScalarType, type Schema, type Shape, scalarTypes } from './types.ts'

const OBJECT = 'apiVersion string, kind string, metadata ObjectMeta'

/**
 * Reads shapes in a notation as short as the fields allow: a line with the name, then its fields behind two blanks.
 *
 *     Container
 *       name string!, args [string], env [EnvVar by name], limits {quantity}, strategy Strategy retain
 *
 * `!` is required; `[T]` a list that is one value, `[T set]` one of different values, `[T by a+b]` one of items with keys,
 * `[T merge a]` one value that patches merge by key all the same; `{T}` a map; `atomic` behind a map or a name is owned as
 * a whole; `...object` are the three fields of every object.
 *
 * Throws TypeError for anything else: the notation is ours.
 */
export function parseShapes(text: string): Map<string, Shape> {
  const shapes = new Map<string, Shape>()
  for (const block of text.trim().split(/\n(?=\S)/)) {
    const [head = '', ...lines] = block.split('\n')
    const [name = '', mark] = head.split(' ')
    const fields = new Map<string, Field>()
    const body = lines.join(' ').replace('...object', OBJECT)
    for (const part of body.split(',')) {
      const [, field, type] = /^\s*(\w+) (.+?)\s*$/.exec(part) ?? []
      if (field === undefined || type === undefined) throw new TypeError(`no field: "${part}"`)
      fields.set(field, parseField(type))
    }
    shapes.set(name, { name, fields, atomic: mark === 'atomic' })
  }
  return shapes
}

function parseField(text: string): Field {
  const [, type = '', atomic, retain, required] =
    /^(\[.+\]|\{.+\}|\w+)( atomic)?( retain)?(!)?$/.exec(text.replace(/\s+/g, ' ')) ?? []
  if (type === '') throw new TypeError(`no type: "${text}"`)
  return {
    schema: parseType(type, atomic !== undefined),
    required: required !== undefined,
    retainKeys: retain !== undefined,
  }
}

function parseType(text: string, atomic: boolean): Schema {
  if (text.startsWith('{')) {
    return { type: 'map', values: parseType(text.slice(1, -1), false), atomic }
  }
  if (!text.startsWith('[')) {
    return isScalar(text) ? { type: text } : { type: 'shape', name: text }
  }
  const [, items = '', how, keys = ''] =
    /^\[(\w+)(?: (set|by|merge) ?([\w+]*))?\]$/.exec(text) ?? []
  if (items === '') throw new TypeError(`no list: "${text}"`)
  const list = { type: 'list', items: parseType(items, false) } as const
  const names = keys.split('+')
  switch (how) {
    case 'set':
      return { ...list, identity: 'set', mergeKey: null }
    case 'by':
      return { ...list, identity: names, mergeKey: names[0] ?? null }
    case 'merge':
      return { ...list, identity: 'atomic', mergeKey: keys }
    default:
      return { ...list, identity: 'atomic', mergeKey: null }
  }
}

const isScalar = (text: string): text is ScalarType =>
  (scalarTypes as readonly string[]).includes(text)
