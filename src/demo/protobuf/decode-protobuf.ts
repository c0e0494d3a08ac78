import type { Json, JsonObject } from '../json.ts'
import { type Field, type MessageName, messageOfKind, messages } from './messages.ts'
import { ProtobufError, wireFields } from './wire.ts'

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf'

/** What stands before every message of Kubernetes: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding */
const MAGIC = Buffer.from('k8s\0')
/** A CronJob's environment is 14 deep; what is deeper than this is made to exhaust the stack. */
const MAX_DEPTH = 32

/**
 * An object that a client sent as protocol buffers, as the JSON that it stands for. Throws ProtobufError for what is cut off,
 * for kinds that the table does not have, and for fields that it would lose.
 */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new ProtobufError('the body does not begin as a protobuf of Kubernetes')
  }
  let apiVersion = ''
  let kind = ''
  let raw: Buffer = Buffer.alloc(0)
  for (const { number, value } of wireFields(body.subarray(MAGIC.length))) {
    if (typeof value === 'bigint') throw new ProtobufError('the envelope holds a number')
    if (number === 1) {
      for (const { number: part, value: text } of wireFields(value)) {
        if (part === 1) apiVersion = String(text)
        if (part === 2) kind = String(text)
      }
    } else if (number === 2) raw = value
    else if (value.length > 0 && number === 3) {
      throw new ProtobufError('a compressed body is not read')
    }
  }
  // Every API group has options of its own under this name, all alike.
  const message =
    kind === 'DeleteOptions' ? 'DeleteOptions' : messageOfKind.get(`${apiVersion}/${kind}`)
  if (message === undefined) {
    throw new ProtobufError(`${apiVersion} ${kind} is read as JSON or YAML only`)
  }
  return { apiVersion, kind, ...decodeMessage(message, raw, 0) }
}

function decodeMessage(name: MessageName, bytes: Buffer, depth: number): JsonObject {
  if (depth > MAX_DEPTH) throw new ProtobufError('the message is too deep')
  const object: JsonObject = {}
  for (const { number, value } of wireFields(bytes)) {
    const field = messages[name][number]
    if (field === undefined) {
      // Go writes what is no pointer even when nothing was said.
      if (value === 0n || (typeof value !== 'bigint' && value.length === 0)) continue
      throw new ProtobufError(`field ${number} of ${name} is read as JSON or YAML only`)
    }
    enter(object, field, value, depth)
  }
  return object
}

function enter(object: JsonObject, field: Field, value: bigint | Buffer, depth: number): void {
  const { name, type, repeated } = field
  if (type === 'ignored') return
  if (typeof type === 'object' && type.as === 'inline') {
    Object.assign(object, decodeMessage(type.message, bytesOf(value), depth + 1))
    return
  }
  if (type === 'map' || type === 'bytesMap' || type === 'quantityMap') {
    const [key, entry] = mapEntry(type, bytesOf(value))
    const map = (object[name] ?? {}) as JsonObject
    object[name] = map
    Object.defineProperty(map, key, { value: entry, ...PLAIN })
    return
  }
  const decoded = decodeValue(type, value, depth)
  if (repeated) {
    // Elements stand for themselves: an empty name in a list of API groups is the core group.
    const element = decoded ?? (typeof type === 'object' ? {} : '')
    object[name] = [...((object[name] ?? []) as Json[]), element]
  } else if (decoded !== undefined) {
    object[name] = decoded
  }
}

/** As JSON would have made it, also of a key named `__proto__`. */
const PLAIN = { enumerable: true, configurable: true, writable: true } as const

/** Undefined: nothing, as Go's `omitempty` has it. */
function decodeValue(type: Field['type'], value: bigint | Buffer, depth: number): Json | undefined {
  if (typeof type === 'object') {
    const found = decodeMessage(type.message, bytesOf(value), depth + 1)
    return Object.keys(found).length === 0 && type.as !== 'kept' ? undefined : found
  }
  switch (type) {
    case 'string':
      return bytesOf(value).toString('utf8') || undefined
    case 'int':
      return intOf(value) || undefined
    case 'int?':
      return intOf(value)
    case 'bool':
      return intOf(value) !== 0 || undefined
    case 'bool?':
      return intOf(value) !== 0
    case 'quantity':
      return quantityOf(bytesOf(value))
    case 'time': {
      const seconds = numberField(bytesOf(value), 1)
      return seconds === null
        ? undefined
        : new Date(seconds * 1000).toISOString().replace('.000', '')
    }
    case 'intOrString':
      return intOrString(bytesOf(value))
    case 'map':
    case 'bytesMap':
    case 'quantityMap':
    case 'ignored':
      return undefined
  }
}

function mapEntry(type: 'map' | 'bytesMap' | 'quantityMap', entry: Buffer): [string, string] {
  let key = ''
  let text = ''
  for (const { number, value } of wireFields(entry)) {
    const bytes = bytesOf(value)
    if (number === 1) key = bytes.toString('utf8')
    if (number !== 2) continue
    if (type === 'map') text = bytes.toString('utf8')
    else text = type === 'bytesMap' ? bytes.toString('base64') : quantityOf(bytes)
  }
  return [key, text]
}

function quantityOf(message: Buffer): string {
  for (const { number, value } of wireFields(message)) {
    if (number === 1) return bytesOf(value).toString('utf8')
  }
  return '0'
}

/** `{type: 0 | 1, intVal, strVal}`; undefined for the zero value, which means that nothing was said. */
function intOrString(message: Buffer): Json | undefined {
  let isString = false
  let int = 0
  let text = ''
  for (const { number, value } of wireFields(message)) {
    if (number === 1) isString = intOf(value) === 1
    else if (number === 2) int = intOf(value)
    else text = bytesOf(value).toString('utf8')
  }
  return isString ? text : int || undefined
}

function numberField(message: Buffer, wanted: number): number | null {
  for (const { number, value } of wireFields(message)) {
    if (number === wanted) return intOf(value)
  }
  return null
}

function bytesOf(value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') throw new ProtobufError('a number stands where bytes are due')
  return value
}

function intOf(value: bigint | Buffer): number {
  if (typeof value !== 'bigint') throw new ProtobufError('bytes stand where a number is due')
  return Number(BigInt.asIntN(64, value))
}
