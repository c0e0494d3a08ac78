import type { Json, JsonObject } from '../json.ts'
import { objectAt, without } from '../json.ts'
import { groupVersion, type ResourceType } from '../resources/types.ts'
import type { Wanted } from './negotiate.ts'

/** What stands beside the objects of a list or a table. */
export interface ListFacts {
  readonly revision: number
  readonly continue: string
  readonly remaining: number | null
}

/** A stored object in the form that its type is served in. */
export const servedObject = (type: ResourceType, stored: JsonObject): JsonObject =>
  type.storedAs === undefined ? stored : type.storedAs.fromStored(stored)

/** One object in the form that is wanted. */
export function oneIn(
  type: ResourceType,
  stored: JsonObject,
  wanted: Wanted,
  includeObject: string,
  nowMs: number,
): JsonObject {
  const object = servedObject(type, stored)
  switch (wanted.form) {
    case 'partial':
      return partial(object, wanted.version)
    case 'table': {
      const metadata = { resourceVersion: objectAt(object, 'metadata')['resourceVersion'] ?? '' }
      return table(type, [object], metadata, wanted.version, includeObject, nowMs, true)
    }
    default:
      return object
  }
}

export function manyIn(
  type: ResourceType,
  stored: readonly JsonObject[],
  facts: ListFacts,
  wanted: Wanted,
  includeObject: string,
  nowMs: number,
): JsonObject {
  const objects = stored.map((object) => servedObject(type, object))
  const metadata: JsonObject = {
    resourceVersion: String(facts.revision),
    ...(facts.continue === '' ? {} : { continue: facts.continue }),
    ...(facts.remaining === null ? {} : { remainingItemCount: facts.remaining }),
  }
  switch (wanted.form) {
    case 'partial':
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${wanted.version}`,
        metadata,
        items: objects.map((object) => partial(object, wanted.version)),
      }
    case 'table':
      return table(type, objects, metadata, wanted.version, includeObject, nowMs, true)
    default:
      return {
        kind: `${type.kind}List`,
        apiVersion: groupVersion(type),
        metadata,
        // As Kubernetes: the kind is said once, by the list.
        items: objects.map((object) => without(object, 'kind', 'apiVersion')),
      }
  }
}

const partial = (object: JsonObject, version: string): JsonObject => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: objectAt(object, 'metadata'),
})

/** A `meta.k8s.io` Table; `headers` is false for all but the first event of a watch. */
export function table(
  type: ResourceType,
  objects: readonly JsonObject[],
  metadata: JsonObject,
  version: string,
  includeObject: string,
  nowMs: number,
  headers: boolean,
): JsonObject {
  const columnDefinitions: Json[] = type.columns.map((column) => ({
    name: column.name,
    type: column.type,
    format: column.name === 'Name' ? 'name' : '',
    description: column.name,
    priority: column.wide === true ? 1 : 0,
  }))
  const rows: Json[] = objects.map((object) => ({
    cells: type.columns.map((column) => column.cell(object, nowMs)),
    ...rowObject(object, includeObject),
  }))
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    ...(headers ? { columnDefinitions } : {}),
    rows,
  }

  function rowObject(object: JsonObject, include: string): JsonObject {
    switch (include) {
      case 'None':
        return {}
      case 'Object':
        return { object }
      default:
        return { object: partial(object, version) }
    }
  }
}
