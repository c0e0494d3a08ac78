import { errorMessage } from '../../core/index.ts'
import { KubeError, parseRequestInfo, type ResourceRequest } from '../../kube/index.ts'
import { ApiError, badRequest, methodNotAllowed, qualified } from '../api-error.ts'
import { type Attributes, authorize, refusalWords } from '../rbac/authorize.ts'
import { impersonate } from '../rbac/impersonate.ts'
import type { Principal } from '../rbac/rules.ts'
import type { ApiEnv } from './env.ts'
import { type Answer, type DemoRequest, jsonAnswer } from './exchange.ts'
import { answerPath } from './paths.ts'
import { answerResource } from './resource.ts'

/**
 * The demo cluster's answer to a request whose token was right: impersonation, authorization, then the object or path. Never
 * throws: what goes wrong is a Status.
 */
export function answerRequest(env: ApiEnv, caller: Principal, request: DemoRequest): Answer {
  try {
    const principal = principalOf(env, caller, request)
    const info = parseRequestInfo({
      method: request.method,
      target: request.target,
      upgrade: false,
    })
    if (info.kind === 'nonResource') {
      judgeAccess(env, principal, { kind: 'path', verb: info.verb, path: info.path })
      return answerPath(env, request, info.path)
    }
    judgeAccess(env, principal, attributesOf(info, request.method))
    return answerResource(env, principal, info, request)
  } catch (error) {
    return errorAnswer(env, error)
  }
}

/** The same judgement for exec, attach and port-forward, whose answer is a stream of another protocol. Throws ApiError. */
export function judgeStream(env: ApiEnv, caller: Principal, request: DemoRequest): ResourceRequest {
  const principal = principalOf(env, caller, request)
  const info = parseInfo(request)
  if (info.kind !== 'resource') throw badRequest('this path cannot be upgraded')
  // A WebSocket comes as GET: to open a stream into a pod is to create one all the same.
  judgeAccess(env, principal, { ...attributesOf(info, 'POST'), verb: 'create' })
  return info
}

function parseInfo(request: DemoRequest): ReturnType<typeof parseRequestInfo> {
  try {
    return parseRequestInfo({ method: request.method, target: request.target, upgrade: true })
  } catch (error) {
    throw asApiError(error)
  }
}

function principalOf(env: ApiEnv, caller: Principal, request: DemoRequest): Principal {
  const groups: string[] = []
  const extra: [string, string][] = []
  const { headers } = request
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    const value = headers[index + 1] ?? ''
    if (name === 'impersonate-group') groups.push(value)
    if (name.startsWith('impersonate-extra-')) extra.push([name.slice(18), value])
  }
  return impersonate(env.store, caller, {
    user: request.header('impersonate-user'),
    groups,
    uid: request.header('impersonate-uid'),
    extra,
  })
}

/** The verbs of streams are ours; RBAC knows `create` and `get` of a subresource. */
function attributesOf(info: ResourceRequest, method: string): Attributes & { kind: 'resource' } {
  const stream = info.verb === 'exec' || info.verb === 'attach' || info.verb === 'portforward'
  const { apiGroup: group, resource, subresource, namespace, name } = info
  const verb = stream || info.verb === 'proxy' ? (method === 'POST' ? 'create' : 'get') : info.verb
  // A namespace is judged in itself, so that a role in it can allow to read it.
  const home = resource === 'namespaces' && group === '' ? name : namespace
  return { kind: 'resource', verb, group, resource, subresource, namespace: home, name }
}

function judgeAccess(env: ApiEnv, principal: Principal, asked: Attributes): void {
  if (authorize(env.store, principal, asked).allowed) return
  const words = refusalWords(principal, asked)
  if (asked.kind === 'path') throw new ApiError('Forbidden', `forbidden: ${words}`, {})
  const name = asked.name === '' ? '' : ` ${JSON.stringify(asked.name)}`
  throw new ApiError('Forbidden', `${qualified(asked)}${name} is forbidden: ${words}`, {
    ...(asked.name === '' ? {} : { name: asked.name }),
    ...(asked.group === '' ? {} : { group: asked.group }),
    kind: asked.resource,
  })
}

export function errorAnswer(env: ApiEnv, thrown: unknown): Answer {
  const error = asApiError(thrown)
  if (error.reason === 'InternalError') {
    env.log.error({ error: errorMessage(thrown) }, 'the demo cluster failed at a request')
  }
  return jsonAnswer(error.code, error.body())
}

export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  if (thrown instanceof KubeError) {
    return thrown.code === 'METHOD_NOT_ALLOWED' ? methodNotAllowed() : badRequest(thrown.message)
  }
  return new ApiError(
    'InternalError',
    'Internal error occurred: the demo cluster has a mistake',
    {},
  )
}
