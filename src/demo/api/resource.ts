import type { ResourceRequest } from '../../kube/index.ts'
import { ApiError, badRequest, methodNotAllowed, noSuchPath } from '../api-error.ts'
import { isObject, type JsonObject, put } from '../json.ts'
import { applyJsonPatch } from '../patch/json-patch.ts'
import { applyMergePatch } from '../patch/merge-patch.ts'
import { authorize, refusalWords } from '../rbac/authorize.ts'
import { judgeEscalation } from '../rbac/escalation.ts'
import { answerReview } from '../rbac/review.ts'
import type { Principal } from '../rbac/rules.ts'
import { resourceAt } from '../resources/all.ts'
import type { ResourceType } from '../resources/types.ts'
import { nameOf, namespaceOf } from '../store/store.ts'
import { contentType, parseBody, typedBody } from './body.ts'
import { deletedStatus, deleteObject, optionsOf, parseDeleteOptions } from './delete.ts'
import { type ApiEnv, timeText } from './env.ts'
import { type Answer, type DemoRequest, jsonAnswer } from './exchange.ts'
import { manyIn, oneIn, servedObject } from './forms.ts'
import { logAnswer } from './log.ts'
import { negotiate } from './negotiate.ts'
import { patchObject } from './patch.ts'
import { Query } from './query.ts'
import { readMany, readOne } from './read.ts'
import { scaleOf, withScale } from './scale.ts'
import { watchAnswer } from './watch.ts'
import { createObject, updateObject } from './write.ts'

/** One request about a resource, authorized. */
interface Call {
  readonly env: ApiEnv
  readonly principal: Principal
  readonly info: ResourceRequest
  readonly request: DemoRequest
  readonly type: ResourceType
  readonly query: Query
}

/** Answers what is asked of an object, or of all of a kind. Throws ApiError. */
export function answerResource(
  env: ApiEnv,
  principal: Principal,
  info: ResourceRequest,
  request: DemoRequest,
): Answer {
  const type = resourceAt(info.apiGroup, info.apiVersion, info.resource)
  if (type === null) throw noSuchPath()
  judgeScope(type, info)
  const call: Call = { env, principal, info, request, type, query: new Query(request.target) }
  if (info.subresource !== '') return answerSubresource(call)
  if (!type.verbs.includes(info.verb)) throw methodNotAllowed()
  switch (info.verb) {
    case 'get':
      return one(call, readOne(env, type, info.namespace, info.name))
    case 'list':
      return many(call)
    case 'watch':
      return watchAnswer(
        env,
        type,
        info.namespace,
        info.name,
        call.query,
        negotiate(request.header('accept')),
      )
    case 'create':
      return create(call)
    case 'update':
      return update(call)
    case 'patch':
      return patch(call, '')
    case 'delete':
      return remove(call)
    case 'deletecollection':
      return removeMany(call)
    default:
      throw methodNotAllowed()
  }
}

/** Objects of namespaces are made and named in one; others stand alone. */
function judgeScope(type: ResourceType, info: ResourceRequest): void {
  if (type.namespaced) {
    const everywhere = info.verb === 'list' || info.verb === 'watch'
    if (info.namespace === '' && !everywhere) {
      throw info.verb === 'create' || info.verb === 'deletecollection'
        ? methodNotAllowed()
        : noSuchPath()
    }
  } else if (info.namespace !== '' && type.resource !== 'namespaces') throw noSuchPath()
}

function one(
  { env, type, request, query }: Call,
  stored: JsonObject,
  status = 200,
  warnings: readonly string[] = [],
): Answer {
  const wanted = negotiate(request.header('accept'))
  const body = oneIn(type, stored, wanted, query.text('includeObject'), env.now())
  return jsonAnswer(status, body, undefined, warnings)
}

function many({ env, type, info, request, query }: Call): Answer {
  const wanted = negotiate(request.header('accept'))
  // A list of one name (`fieldSelector=metadata.name=…`) is selected as any other.
  const { objects, facts } = readMany(env, type, info.namespace, query)
  return jsonAnswer(
    200,
    manyIn(type, objects, facts, wanted, query.text('includeObject'), env.now()),
  )
}

function create(call: Call): Answer {
  const { env, principal, type, info, request, query } = call
  if (info.name !== '') throw methodNotAllowed()
  const { object, warnings } = typedBody(type, parseBody(request), query)
  if (!type.verbs.includes('get')) {
    put(object, ['metadata', 'creationTimestamp'], timeText(env.now()))
    const asked = { ...object, kind: type.kind, apiVersion: `${type.group}/${type.version}` }
    return jsonAnswer(201, answerReview(env.store, principal, type, asked))
  }
  judgeEscalation(env.store, principal, type, object, info.namespace)
  const stored = createObject(env, type, info.namespace, object, writeOptions(call, ''))
  return one(call, stored, 201, warnings)
}

function update(call: Call): Answer {
  const { env, principal, type, info, request, query } = call
  const { object, warnings } = typedBody(type, parseBody(request), query)
  judgeEscalation(env.store, principal, type, object, info.namespace)
  const options = writeOptions(call, '')
  return one(
    call,
    updateObject(env, type, info.namespace, info.name, object, options),
    200,
    warnings,
  )
}

function patch(call: Call, subresource: string): Answer {
  const { env, principal, type, info, request, query } = call
  const options = writeOptions(call, subresource)
  // The outcome is judged before it is kept: once without writing, then for good.
  const run = (dryRun: boolean): ReturnType<typeof patchObject> =>
    patchObject(env, type, info, request, query, { ...options, dryRun }, () =>
      judgeCreate(env, principal, info),
    )
  if (type.group === RBAC) {
    judgeEscalation(env.store, principal, type, run(true).object, info.namespace)
  }
  const { object, created, warnings } = run(options.dryRun)
  return one(call, object, created ? 201 : 200, warnings)
}

const RBAC = 'rbac.authorization.k8s.io'

/** An apply that makes an object needs the right to create it. Throws ApiError Forbidden. */
function judgeCreate(env: ApiEnv, principal: Principal, info: ResourceRequest): void {
  const { apiGroup: group, resource, namespace, name } = info
  const asked = {
    kind: 'resource',
    verb: 'create',
    group,
    resource,
    subresource: '',
    namespace,
    name,
  } as const
  if (authorize(env.store, principal, asked).allowed) return
  throw new ApiError(
    'Forbidden',
    `${resource} ${JSON.stringify(name)} is forbidden: ${refusalWords(principal, asked)}`,
    {
      name,
      kind: resource,
    },
  )
}

function remove(call: Call): Answer {
  const { env, type, info, request, query } = call
  const options = parseDeleteOptions(optionsOf(parseBody(request)), query)
  const { object, gone } = deleteObject(env, type, info.namespace, info.name, options)
  return gone && type.resource !== 'pods'
    ? jsonAnswer(200, deletedStatus(type, object))
    : one(call, object)
}

function removeMany(call: Call): Answer {
  const { env, type, info, request, query } = call
  const options = parseDeleteOptions(optionsOf(parseBody(request)), query)
  const { objects, facts } = readMany(env, type, info.namespace, query)
  for (const object of objects) {
    deleteObject(env, type, namespaceOf(object), nameOf(object), {
      ...options,
      uid: '',
      resourceVersion: '',
    })
  }
  const wanted = negotiate(request.header('accept'))
  return jsonAnswer(
    200,
    manyIn(type, objects, facts, wanted, query.text('includeObject'), env.now()),
  )
}

function answerSubresource(call: Call): Answer {
  const { env, type, info, request } = call
  const offered = type.subresources.find(({ name }) => name === info.subresource)
  if (offered === undefined) throw noSuchPath()
  switch (info.subresource) {
    case 'status':
      return status(call)
    case 'scale':
      return scale(call)
    case 'finalize':
      return update(call)
    case 'log':
      if (request.method !== 'GET') throw methodNotAllowed()
      return logAnswer(env, readOne(env, type, info.namespace, info.name), call.query)
    case 'eviction':
      return evict(call)
    default:
      // exec, attach and port-forward without an upgrade.
      readOne(env, type, info.namespace, info.name)
      throw badRequest('Upgrade request required')
  }
}

function status(call: Call): Answer {
  const { env, type, info, request, query } = call
  switch (info.verb) {
    case 'get':
      return one(call, readOne(env, type, info.namespace, info.name))
    case 'update': {
      const { object, warnings } = typedBody(type, parseBody(request), query)
      const options = writeOptions(call, 'status')
      return one(
        call,
        updateObject(env, type, info.namespace, info.name, object, options),
        200,
        warnings,
      )
    }
    case 'patch':
      return patch(call, 'status')
    default:
      throw methodNotAllowed()
  }
}

function scale(call: Call): Answer {
  const { env, type, info, request } = call
  const object = readOne(env, type, info.namespace, info.name)
  if (info.verb === 'get') return jsonAnswer(200, scaleOf(object))
  const body = parseBody(request)
  const asked =
    info.verb === 'patch' ? patchedScale(scaleOf(object), body, contentType(request)) : body
  if (!isObject(asked)) throw badRequest('the body must be a Scale')
  const options = { ...writeOptions(call, 'scale') }
  const served = withScale(servedObject(type, object), asked)
  return jsonAnswer(
    200,
    scaleOf(updateObject(env, type, info.namespace, info.name, served, options)),
  )
}

function patchedScale(
  scale: JsonObject,
  body: ReturnType<typeof parseBody>,
  kind: string,
): unknown {
  if (body === undefined) throw badRequest('the patch is empty')
  return kind === 'application/json-patch+json'
    ? applyJsonPatch(scale, body)
    : applyMergePatch(scale, body)
}

/** An eviction is a deletion: nothing protects pods here. */
function evict(call: Call): Answer {
  const { env, type, info, request, query } = call
  if (info.verb !== 'create') throw methodNotAllowed()
  const body = optionsOf(parseBody(request))
  const inner = body['deleteOptions']
  const options = parseDeleteOptions(isObject(inner) ? inner : {}, query)
  deleteObject(env, type, info.namespace, info.name, options)
  return jsonAnswer(201, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    code: 201,
  })
}

function writeOptions(
  { query, request }: Call,
  subresource: string,
): { dryRun: boolean; manager: string; subresource: string } {
  return { dryRun: query.dryRun(), manager: managerOf(query, request), subresource }
}

const MAX_MANAGER = 128

/** `fieldManager`, else the program's name in the User-Agent, as Kubernetes has it. */
function managerOf(query: Query, request: DemoRequest): string {
  const named = query.text('fieldManager')
  if (named.length > MAX_MANAGER) {
    throw new ApiError(
      'Invalid',
      `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than ${MAX_MANAGER} bytes`,
    )
  }
  const agent = (request.header('user-agent') ?? '').split('/')[0]?.replace(/[^\x20-\x7e]/g, '')
  return named || (agent ?? '').slice(0, MAX_MANAGER) || 'unknown'
}
