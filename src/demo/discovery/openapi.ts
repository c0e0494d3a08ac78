import { define, type Json, type JsonObject } from '../json.ts'
import { groups, resourceTypes, typesOf } from '../resources/all.ts'
import { groupVersion, type ResourceType } from '../resources/types.ts'
import { shapeOf, shapes } from '../schema/shapes.ts'
import type { Field, Schema, Shape } from '../schema/types.ts'
import { DEMO_VERSION } from '../version.ts'

/** Where references point: OpenAPI 2 and 3 differ in that, and in where schemas stand. */
type RefPrefix = '#/definitions/' | '#/components/schemas/'

const info = (): JsonObject => ({
  title: 'Kubernetes (Teleport demo cluster, in memory)',
  version: DEMO_VERSION,
})

/** The whole document of `/openapi/v2`. */
export function openApiV2(): JsonObject {
  return {
    swagger: '2.0',
    info: info(),
    paths: pathsOf(resourceTypes, (name, type) => ({ name, in: 'query', type })),
    definitions: definitions([...shapes.values()], '#/definitions/'),
  }
}

/** `/openapi/v3`: where the document of each group and version is. */
export function openApiV3Index(): JsonObject {
  const hash = encodeURIComponent(DEMO_VERSION)
  const paths: JsonObject = {}
  for (const path of ['api/v1', ...groups.map((group) => `apis/${groupVersion(group)}`)]) {
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }
  }
  return { paths }
}

/** The document of one group and version, with every shape that its kinds need; null when it is not served. */
export function openApiV3(group: string, version: string): JsonObject | null {
  const types = typesOf(group).filter((type) => type.version === version)
  if (types.length === 0) return null
  const needed = new Map<string, Shape>()
  for (const type of types) collect(type.shape, needed)
  for (const name of ['Scale', 'Eviction', 'DeleteOptions']) collect(name, needed)
  return {
    openapi: '3.0.0',
    info: info(),
    paths: pathsOf(types, (name, type) => ({ name, in: 'query', schema: { type } })),
    components: { schemas: definitions([...needed.values()], '#/components/schemas/') },
  }
}

function collect(name: string, needed: Map<string, Shape>): void {
  if (needed.has(name)) return
  const shape = shapeOf(name)
  needed.set(name, shape)
  for (const { schema } of shape.fields.values()) {
    const inner = innermost(schema)
    if (inner.type === 'shape') collect(inner.name, needed)
  }
}

function innermost(schema: Schema): Schema {
  if (schema.type === 'list') return innermost(schema.items)
  return schema.type === 'map' ? innermost(schema.values) : schema
}

function definitions(all: readonly Shape[], prefix: RefPrefix): JsonObject {
  const kinds = new Map(resourceTypes.map((type) => [type.shape, type]))
  return Object.fromEntries(
    all.map((shape) => [shape.name, definition(shape, kinds.get(shape.name), prefix)]),
  )
}

function definition(shape: Shape, type: ResourceType | undefined, prefix: RefPrefix): JsonObject {
  const properties: JsonObject = {}
  const required: Json[] = []
  for (const [name, field] of shape.fields) {
    define(properties, name, property(field, prefix))
    if (field.required) required.push(name)
  }
  return {
    description: type?.says ?? `${shape.name}, as the demo cluster knows it.`,
    type: 'object',
    properties,
    ...(required.length === 0 ? {} : { required }),
    ...(shape.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(type === undefined ? {} : { 'x-kubernetes-group-version-kind': [gvk(type)] }),
  }
}

const gvk = ({ group, version, kind }: ResourceType): JsonObject => ({ group, kind, version })

function property(field: Field, prefix: RefPrefix): JsonObject {
  const { schema } = field
  const strategies = [
    ...(schema.type === 'list' && (schema.mergeKey !== null || schema.identity === 'set')
      ? ['merge']
      : []),
    ...(field.retainKeys ? ['retainKeys'] : []),
  ]
  const patch: JsonObject = {
    ...(strategies.length === 0 ? {} : { 'x-kubernetes-patch-strategy': strategies.join(',') }),
    ...(schema.type === 'list' && schema.mergeKey !== null
      ? { 'x-kubernetes-patch-merge-key': schema.mergeKey }
      : {}),
  }
  return { ...schemaOf(schema, prefix), ...patch }
}

function schemaOf(schema: Schema, prefix: RefPrefix): JsonObject {
  switch (schema.type) {
    case 'shape':
      return { $ref: `${prefix}${schema.name}` }
    case 'map':
      return {
        type: 'object',
        additionalProperties: schemaOf(schema.values, prefix),
        ...(schema.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      }
    case 'list':
      return {
        type: 'array',
        items: schemaOf(schema.items, prefix),
        ...(typeof schema.identity === 'string'
          ? { 'x-kubernetes-list-type': schema.identity }
          : {
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': [...schema.identity],
            }),
      }
    case 'bool':
      return { type: 'boolean' }
    case 'int':
      return { type: 'integer', format: 'int32' }
    case 'long':
      return { type: 'integer', format: 'int64' }
    case 'bytes':
      return { type: 'string', format: 'byte' }
    case 'time':
    case 'microtime':
      return { type: 'string', format: 'date-time' }
    case 'intOrString':
      return { type: 'string', format: 'int-or-string' }
    case 'any':
      return { type: 'object' }
    default:
      return { type: 'string' }
  }
}

/**
 * The operations as far as clients read them: which parameters they may send. Without `fieldValidation` on PATCH kubectl
 * believes that the server cannot judge fields, without `dryRun` it refuses to try.
 */
function pathsOf(
  types: readonly ResourceType[],
  parameter: (name: string, type: 'string' | 'boolean') => JsonObject,
): JsonObject {
  const paths: JsonObject = {}
  const action = (type: ResourceType, verb: string, parameters: Json[]): JsonObject => ({
    operationId: `${verb}${type.kind}`,
    'x-kubernetes-action': verb,
    'x-kubernetes-group-version-kind': gvk(type),
    parameters,
    responses: { '200': { description: 'OK' } },
  })
  const writing = (): Json[] =>
    ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => parameter(name, 'string'))
  for (const type of types) {
    const prefix = type.group === '' ? '/api/v1' : `/apis/${groupVersion(type)}`
    const collection = `${prefix}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.resource}`
    const stored = type.verbs.includes('get')
    paths[collection] = {
      ...(stored ? { get: action(type, 'list', []) } : {}),
      post: action(type, 'post', writing()),
    }
    if (!stored) continue
    paths[`${collection}/{name}`] = {
      get: action(type, 'get', []),
      put: action(type, 'put', writing()),
      patch: action(type, 'patch', [...writing(), parameter('force', 'boolean')]),
      delete: action(type, 'delete', [parameter('dryRun', 'string')]),
    }
  }
  return paths
}
