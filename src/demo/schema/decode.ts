import { define, isObject, type Json, type JsonObject } from '../json.ts'
import { shapeOf } from './shapes.ts'
import type { ScalarType, Schema } from './types.ts'

export interface Decoded {
  readonly object: JsonObject
  /** Paths that the shape does not know, as `spec.containers[0].imag`; they are left out of `object`. */
  readonly unknown: readonly string[]
}

/** A value that its field cannot hold, in the words of Kubernetes' decoder. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** Reads an object by its shape: nulls are absent, unknown fields are left out and named. Throws DecodeError. */
export function decodeObject(value: JsonObject, shape: string): Decoded {
  const unknown: string[] = []
  const object = decodeShape(value, shape, '', unknown)
  return { object, unknown }
}

function decodeShape(value: JsonObject, name: string, path: string, unknown: string[]): JsonObject {
  const { fields } = shapeOf(name)
  const object: JsonObject = {}
  for (const [key, child] of Object.entries(value)) {
    const field = fields.get(key)
    const at = path === '' ? key : `${path}.${key}`
    if (field === undefined) unknown.push(at)
    else if (child !== null) object[key] = decodeValue(child, field.schema, at, unknown, name)
  }
  return object
}

function decodeValue(
  value: Json,
  schema: Schema,
  path: string,
  unknown: string[],
  owner: string,
): Json {
  switch (schema.type) {
    case 'shape':
      if (!isObject(value)) throw wrong(value, owner, path, schema.name)
      return decodeShape(value, schema.name, path, unknown)
    case 'map': {
      if (!isObject(value)) throw wrong(value, owner, path, 'map')
      const object: JsonObject = {}
      for (const [key, child] of Object.entries(value)) {
        // Go's decoder names the map, not the key.
        const decoded =
          child === null ? '' : decodeValue(child, schema.values, path, unknown, owner)
        define(object, key, decoded)
      }
      return object
    }
    case 'list':
      if (!Array.isArray(value)) throw wrong(value, owner, path, '[]')
      return value.map((child, index) =>
        decodeValue(child, schema.items, `${path}[${index}]`, unknown, owner),
      )
    default:
      return decodeScalar(value, schema.type, path, owner)
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const QUANTITY = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

function decodeScalar(value: Json, type: ScalarType, path: string, owner: string): Json {
  switch (type) {
    case 'any':
      return value
    case 'bool':
      if (typeof value === 'boolean') return value
      break
    case 'int':
    case 'long':
      if (typeof value === 'number' && Number.isSafeInteger(value)) {
        if (type === 'long' || Math.abs(value) <= 0x7fffffff) return value
      }
      break
    case 'intOrString':
      if (typeof value === 'string' || Number.isSafeInteger(value)) return value
      break
    case 'quantity':
      if (typeof value === 'number') return String(value)
      if (typeof value === 'string') {
        if (QUANTITY.test(value)) return value
        throw new DecodeError(
          "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        )
      }
      break
    case 'bytes':
      if (typeof value === 'string') {
        if (BASE64.test(value.replace(/[\r\n]/g, ''))) return value.replace(/[\r\n]/g, '')
        throw new DecodeError(`illegal base64 data in ${owner}.${path}`)
      }
      break
    case 'time':
    case 'microtime':
      if (typeof value === 'string') {
        if (TIME.test(value)) return value
        throw new DecodeError(`parsing time ${JSON.stringify(value.slice(0, 64))} in ${path}`)
      }
      break
    default:
      if (typeof value === 'string') return value
  }
  throw wrong(value, owner, path, GO_TYPES[type])
}

/** Kubernetes is written in Go, and says so. */
const GO_TYPES: Readonly<Record<ScalarType, string>> = {
  string: 'string',
  bytes: '[]byte',
  time: 'v1.Time',
  microtime: 'v1.MicroTime',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  bool: 'bool',
  int: 'int32',
  long: 'int64',
  any: 'any',
}

function wrong(value: Json, owner: string, path: string, type: string): DecodeError {
  const found = Array.isArray(value) ? 'array' : typeof value
  return new DecodeError(
    `json: cannot unmarshal ${found === 'boolean' ? 'bool' : found} into Go struct field ${owner}.${path} of type ${type}`,
  )
}
