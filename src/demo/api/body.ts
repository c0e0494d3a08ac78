import { parse as parseYaml } from 'yaml'
import { ApiError, badRequest } from '../api-error.ts'
import { isObject, type Json, type JsonObject, textAt } from '../json.ts'
import { decodeProtobuf, PROTOBUF_TYPE } from '../protobuf/decode-protobuf.ts'
import { ProtobufError } from '../protobuf/wire.ts'
import { groupVersion, type ResourceType } from '../resources/types.ts'
import { DecodeError, decodeObject } from '../schema/decode.ts'
import type { DemoRequest } from './exchange.ts'
import type { Query } from './query.ts'

/** The media type without its parameters. */
export const contentType = (request: DemoRequest): string =>
  (request.header('content-type') ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''

/** JSON or YAML, as the content type says. Throws ApiError UnsupportedMediaType or BadRequest. */
export function parseBody(request: DemoRequest): Json | undefined {
  if (request.body.length === 0) return undefined
  const type = contentType(request)
  if (type === PROTOBUF_TYPE) return fromProtobuf(request.body)
  const text = request.body.toString('utf8')
  if (type === 'application/yaml' || type === 'application/apply-patch+yaml') return fromYaml(text)
  if (type === 'application/json' || type.endsWith('+json') || type === '*/*' || type === '') {
    return fromJson(text)
  }
  throw new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml`,
    {},
  )
}

/** What the decoder would lose it refuses, and the client is told what is read instead. */
function fromProtobuf(body: Buffer): Json {
  try {
    return decodeProtobuf(body)
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error
    throw new ApiError(
      'UnsupportedMediaType',
      `this demo cluster cannot read the body: ${error.message}`,
      {},
    )
  }
}

function fromJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw badRequest(`couldn't get the body as JSON: ${(cause as Error).message.slice(0, 200)}`)
  }
}

/** Deeply nested aliases multiply; an object of the API needs none. */
const MAX_ALIASES = 100

function fromYaml(text: string): Json {
  try {
    return parseYaml(text, { maxAliasCount: MAX_ALIASES, schema: 'core' }) as Json
  } catch (cause) {
    throw badRequest(`couldn't get the body as YAML: ${(cause as Error).message.slice(0, 200)}`)
  }
}

/** An object of a type, and what to warn about. */
export interface TypedBody {
  readonly object: JsonObject
  readonly warnings: readonly string[]
}

/**
 * Reads an object of a type: the kind must be the one of the path, fields are judged as `fieldValidation` says. Throws ApiError
 * BadRequest.
 */
export function typedBody(type: ResourceType, body: Json | undefined, query: Query): TypedBody {
  if (!isObject(body)) throw badRequest('the body must be an object')
  const kind = textAt(body, 'kind')
  const apiVersion = textAt(body, 'apiVersion')
  const wanted = groupVersion(type)
  if ((kind !== '' && kind !== type.kind) || (apiVersion !== '' && apiVersion !== wanted)) {
    throw badRequest(
      `${apiVersion}, Kind=${kind} is not what is served here: ${wanted}, Kind=${type.kind}`,
    )
  }
  return decodeTyped(type, body, query)
}

export function decodeTyped(type: ResourceType, body: JsonObject, query: Query): TypedBody {
  try {
    const { object, unknown } = decodeObject(body, type.shape)
    const words = unknown.map((path) => `unknown field ${JSON.stringify(path)}`)
    const mode = query.text('fieldValidation')
    if (mode === 'Strict' && words.length > 0) {
      throw badRequest(
        `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: strict decoding error: ${words.join(', ')}`,
      )
    }
    if (mode !== '' && mode !== 'Strict' && mode !== 'Warn' && mode !== 'Ignore') {
      throw badRequest(`fieldValidation parameter: Unsupported value: ${JSON.stringify(mode)}`)
    }
    return { object, warnings: mode === 'Ignore' ? [] : words }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw badRequest(
      `${type.kind} in version ${JSON.stringify(type.version)} cannot be handled as a ${type.kind}: ${error.message}`,
    )
  }
}
