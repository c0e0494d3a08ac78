import { ApiError, badRequest, notFound } from '../api-error.ts'
import { applyConfiguration } from '../apply/apply.ts'
import { isObject, type JsonObject, textAt } from '../json.ts'
import { applyJsonPatch } from '../patch/json-patch.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../patch/strategic-merge-patch.ts'
import { groupVersion, type ResourceType, storageOf } from '../resources/types.ts'
import { contentType, decodeTyped, parseBody } from './body.ts'
import { type ApiEnv, timeText } from './env.ts'
import type { DemoRequest } from './exchange.ts'
import { servedObject } from './forms.ts'
import type { Query } from './query.ts'
import { createObject, scopeOf, updateObject, type WriteOptions } from './write.ts'

export interface Patched {
  readonly object: JsonObject
  readonly created: boolean
  readonly warnings: readonly string[]
}

/** Changes an object by any of the four kinds of patch. `mayCreate` is asked before an apply makes a new object. Throws ApiError. */
export function patchObject(
  env: ApiEnv,
  type: ResourceType,
  target: { readonly namespace: string; readonly name: string },
  request: DemoRequest,
  query: Query,
  options: WriteOptions & { readonly manager: string },
  mayCreate: () => void,
): Patched {
  const { namespace, name } = target
  const live = env.store.get(storageOf(type), scopeOf(type, namespace), name)
  const kind = contentType(request)
  if (kind === 'application/apply-patch+yaml') {
    return applyPatch(env, type, target, live, request, query, options, mayCreate)
  }
  if (!PATCH_TYPES.has(kind)) throw unknownPatch()
  if (live === null) throw notFound(type, name)
  const served = servedObject(type, live)
  const patched = patchedBy(kind, served, request, type)
  if (!isObject(patched)) throw badRequest('the patch does not leave an object')
  const { object, warnings } = decodeTyped(type, patched, query)
  return {
    object: updateObject(env, type, namespace, name, object, options),
    created: false,
    warnings,
  }
}

function patchedBy(
  kind: string,
  served: JsonObject,
  request: DemoRequest,
  type: ResourceType,
): unknown {
  const patch = parseBody(request)
  if (patch === undefined) throw badRequest('the patch is empty')
  switch (kind) {
    case 'application/json-patch+json':
      return applyJsonPatch(served, patch)
    case 'application/merge-patch+json':
      return applyMergePatch(served, patch)
    case 'application/strategic-merge-patch+json':
      if (!isObject(patch)) throw badRequest('a strategic merge patch must be an object')
      return applyStrategicMergePatch(served, patch, type.shape)
    default:
      throw unknownPatch()
  }
}

const PATCH_TYPES: ReadonlySet<string> = new Set([
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
])

const unknownPatch = (): ApiError =>
  new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${[...PATCH_TYPES].join(', ')}, application/apply-patch+yaml`,
    {},
  )

function applyPatch(
  env: ApiEnv,
  type: ResourceType,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  live: JsonObject | null,
  request: DemoRequest,
  query: Query,
  options: WriteOptions & { readonly manager: string },
  mayCreate: () => void,
): Patched {
  if (query.text('fieldManager') === '') {
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
  }
  const body = parseBody(request)
  if (!isObject(body)) throw badRequest('an applied configuration must be an object')
  if (textAt(body, 'apiVersion') === '' || textAt(body, 'kind') === '') {
    throw badRequest('an applied configuration needs apiVersion and kind')
  }
  if (Array.isArray(isObject(body['metadata']) ? body['metadata']['managedFields'] : null)) {
    throw badRequest('metadata.managedFields must be nil')
  }
  const { object: configuration, warnings } = decodeTyped(type, body, query)
  const { subresource = '' } = options
  if (live === null) mayCreate()
  if (live === null && subresource !== '') throw notFound(type, name)
  const merged = applyConfiguration({
    live,
    configuration,
    type,
    writer: {
      manager: options.manager,
      apiVersion: groupVersion(type),
      subresource,
      time: timeText(env.now()),
    },
    force: query.flag('force'),
  })
  // The managers are written already.
  const applied = { ...options, manager: null }
  return live === null
    ? {
        object: createObject(env, type, namespace, named(merged, name), applied),
        created: true,
        warnings,
      }
    : {
        object: updateObject(env, type, namespace, name, merged, applied),
        created: false,
        warnings,
      }
}

/** The name of the path is the name of the object. */
function named(object: JsonObject, name: string): JsonObject {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {}
  const given = textAt(metadata, 'name')
  if (given !== '' && given !== name) {
    throw badRequest(
      `the name of the object (${given}) does not match the name on the URL (${name})`,
    )
  }
  return { ...object, metadata: { ...metadata, name } }
}
