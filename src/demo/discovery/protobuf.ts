import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts'

/**
 * kubectl before 1.27 takes `/openapi/v2` as a protobuf message only (gnostic's `openapi.v2.Document`); without it, it
 * refuses to apply. This writes the part of the message that our document uses. The numbers are those of OpenAPIv2.proto.
 */
export function encodeOpenApiV2(document: JsonObject): Buffer {
  const info = objectAt(document, 'info')
  return Buffer.concat([
    text(1, textAt(document, 'swagger')),
    bytes(2, Buffer.concat([text(1, textAt(info, 'title')), text(2, textAt(info, 'version'))])),
    bytes(8, named(2, objectAt(document, 'paths'), pathItem)),
    bytes(9, named(1, objectAt(document, 'definitions'), schema)),
  ])
}

function schema(value: JsonObject): Buffer {
  const { additionalProperties, items, properties, type } = value
  return Buffer.concat([
    text(1, textAt(value, '$ref')),
    text(2, textAt(value, 'format')),
    text(4, textAt(value, 'description')),
    ...listAt(value, 'required').map((name) => text(19, String(name))),
    isObject(additionalProperties) ? bytes(21, bytes(1, schema(additionalProperties))) : NOTHING,
    typeof type === 'string' ? bytes(22, text(1, type)) : NOTHING,
    isObject(items) ? bytes(23, bytes(1, schema(items))) : NOTHING,
    isObject(properties) ? bytes(25, named(1, properties, schema)) : NOTHING,
    extensions(31, value),
  ])
}

function pathItem(value: JsonObject): Buffer {
  return Buffer.concat(
    Object.entries(PATH_ITEM_FIELDS).map(([method, number]) => {
      const found = value[method]
      return isObject(found) ? bytes(number, operation(found)) : NOTHING
    }),
  )
}

const PATH_ITEM_FIELDS = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const

function operation(value: JsonObject): Buffer {
  return Buffer.concat([
    text(5, textAt(value, 'operationId')),
    // ParametersItem, Parameter, NonBodyParameter and the query's own message: each a choice of several.
    ...listAt(value, 'parameters').map((parameter) =>
      bytes(8, bytes(1, bytes(2, bytes(3, queryParameter(parameter))))),
    ),
    bytes(
      9,
      named(1, objectAt(value, 'responses'), (response) =>
        bytes(1, text(1, textAt(response, 'description'))),
      ),
    ),
    extensions(13, value),
  ])
}

const queryParameter = (value: Json): Buffer =>
  Buffer.concat([
    text(2, textAt(value, 'in')),
    text(4, textAt(value, 'name')),
    text(6, textAt(value, 'type')),
  ])

/** `NamedSchema` and its like: the properties of an object as messages of name and value. */
function named(number: number, object: JsonObject, of: (value: JsonObject) => Buffer): Buffer {
  return Buffer.concat(
    Object.entries(object).map(([name, value]) =>
      bytes(number, Buffer.concat([text(1, name), bytes(2, of(isObject(value) ? value : {}))])),
    ),
  )
}

/** `x-…` properties as `NamedAny` with YAML text, of which JSON is a part. */
function extensions(number: number, object: JsonObject): Buffer {
  return Buffer.concat(
    Object.entries(object)
      .filter(([name]) => name.startsWith('x-'))
      .map(([name, value]) =>
        bytes(number, Buffer.concat([text(1, name), bytes(2, text(2, JSON.stringify(value)))])),
      ),
  )
}

const NOTHING = Buffer.alloc(0)
const LENGTH_DELIMITED = 2

const text = (number: number, value: string): Buffer =>
  value === '' ? NOTHING : bytes(number, Buffer.from(value, 'utf8'))

const bytes = (number: number, value: Buffer): Buffer =>
  Buffer.concat([varint((number << 3) | LENGTH_DELIMITED), varint(value.length), value])

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.push(rest)
  return Buffer.from(out)
}
