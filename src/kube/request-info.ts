import { KubeError } from './errors.ts'
import { MAX_TARGET_CHARS } from './limits.ts'
import { ambiguous, splitPath } from './path.ts'
import { mayDecide, RequestQuery } from './query.ts'
import type { KubeVerb, NonResourceRequest, RequestInfo, ResourceRequest } from './types.ts'

/** The methods of Kubernetes' API; OPTIONS is served to programs behind `…/proxy` only. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])

/**
 * What a request asks for, by the rules of Kubernetes' `RequestInfoFactory`
 * (apiserver/pkg/endpoints/request/requestinfo.go), with the verbs exec, attach, portforward and proxy added. `target`
 * is the request target as it came; the forwarder sends the same bytes on.
 *
 * Throws KubeError: AMBIGUOUS_PATH and AMBIGUOUS_QUERY when two readers could see different requests in it,
 * METHOD_NOT_ALLOWED, and UPGRADE_NOT_ALLOWED for an upgrade on anything that is not a stream.
 */
export function parseRequestInfo(request: {
  readonly method: string
  readonly target: string
  readonly upgrade: boolean
}): RequestInfo {
  const { method, target, upgrade } = request
  if (!METHODS.has(method)) throw methodNotAllowed(method)
  if (target.length > MAX_TARGET_CHARS) throw ambiguous('it is too long')
  if (UNSAFE_CHARACTER.test(target)) throw ambiguous('it has characters that must be encoded')
  const question = target.indexOf('?')
  const path = question === -1 ? target : target.slice(0, question)
  const query = question === -1 ? '' : target.slice(question + 1)
  const segments = splitPath(path)
  const info = isResourcePath(segments)
    ? resourceRequest(method, path, segments, query, upgrade)
    : nonResourceRequest(method, path, segments)
  if (method === 'OPTIONS' && info.verb !== 'proxy') throw methodNotAllowed(method)
  if (upgrade) judgeUpgrade(method, info)
  return info
}

/** A line break, a blank or a fragment in a request target is an attempt; other bytes are sent encoded by everybody. */
const UNSAFE_CHARACTER = /[^\x21\x22\x24-\x7e]/

function isResourcePath(segments: readonly string[]): boolean {
  const [prefix] = segments
  return prefix === 'api' ? segments.length >= 3 : prefix === 'apis' && segments.length >= 4
}

/** Watches may upgrade too: kube-apiserver serves them to WebSocket clients (apiserver/pkg/endpoints/handlers/watch.go). */
function judgeUpgrade(method: string, info: RequestInfo): void {
  if (info.kind === 'resource') {
    if (STREAMS.has(info.verb)) return
    if (info.verb === 'watch' && method === 'GET') return
  }
  throw new KubeError(
    'UPGRADE_NOT_ALLOWED',
    'this request cannot be upgraded: only exec, attach, port-forward, proxy and watch can',
  )
}

function nonResourceRequest(
  method: string,
  path: string,
  segments: readonly string[],
): NonResourceRequest {
  const reads = method === 'GET' || method === 'HEAD'
  return {
    kind: 'nonResource',
    verb: method.toLowerCase(),
    discovery: reads && isDiscovery(segments),
    mutating: !reads,
    longRunning: false,
    path,
  }
}

/** What every client asks before its first request. Health checks are none of it. */
function isDiscovery(segments: readonly string[]): boolean {
  switch (segments[0]) {
    case 'api':
      return segments.length <= 2
    case 'apis':
      return segments.length <= 3
    case 'version':
      return segments.length === 1
    default:
      return segments[0] === 'openapi'
  }
}

function resourceRequest(
  method: string,
  path: string,
  segments: readonly string[],
  query: string,
  upgrade: boolean,
): ResourceRequest {
  const prefix = segments[0] === 'api' ? 'api' : 'apis'
  let at = prefix === 'api' ? 1 : 2
  const apiGroup = prefix === 'api' ? '' : (segments[1] ?? '')
  const apiVersion = segments[at] ?? ''
  at += 1

  const special = specialVerb(segments[at])
  if (special !== null) {
    at += 1
    // Kubernetes answers these with errors; to judge them by the prefix alone would call a DELETE a watch.
    if (at >= segments.length) throw ambiguous('it names no resource')
    if (special === 'watch' && method !== 'GET' && method !== 'HEAD') throw methodNotAllowed(method)
  }

  let namespace = ''
  if (segments[at] === 'namespaces' && at + 1 < segments.length) {
    namespace = segments[at + 1] ?? ''
    const third = segments[at + 2]
    // namespaces/<ns>/status and namespaces/<ns>/finalize are about the namespace itself.
    if (third !== undefined && third !== 'status' && third !== 'finalize') at += 2
  }
  const resource = segments[at] ?? ''
  const subresource = special === 'proxy' ? 'proxy' : (segments[at + 2] ?? '')
  const verb = special ?? streamVerb(prefix, resource, subresource) ?? methodVerb(method)
  const request = { prefix, apiGroup, apiVersion, namespace, resource, subresource, path } as const
  const name = segments[at + 1] ?? ''
  if (name === '' && verb === 'get') return { ...request, ...listOrWatch(query) }
  const final = name === '' && verb === 'delete' ? 'deletecollection' : verb
  return {
    kind: 'resource',
    ...request,
    name,
    verb: final,
    mutating: final !== 'get' && final !== 'watch',
    longRunning: upgrade || LONG_RUNNING.has(final) || isFollowedLog(final, subresource, query),
  }
}

/** The prefixes of Kubernetes' first years, `/api/v1/watch/…` (still served) and `/api/v1/proxy/…` (gone since 1.10). */
const specialVerb = (segment: string | undefined): 'watch' | 'proxy' | null =>
  segment === 'watch' || segment === 'proxy' ? segment : null

/**
 * Subresources that open a stream into a pod or a way to another program, whatever the method and with or without an
 * upgrade: a WebSocket exec is a GET, and to let `get` open it would be to let readers execute.
 */
function streamVerb(prefix: string, resource: string, subresource: string): KubeVerb | null {
  if (subresource === '' || prefix !== 'api') return null
  if (subresource === 'proxy') return PROXIED.has(resource) ? 'proxy' : null
  return resource === 'pods' && isPodStream(subresource) ? subresource : null
}

type PodStream = 'exec' | 'attach' | 'portforward'
const isPodStream = (subresource: string): subresource is PodStream =>
  subresource === 'exec' || subresource === 'attach' || subresource === 'portforward'

const PROXIED: ReadonlySet<string> = new Set(['pods', 'services', 'nodes'])
const STREAMS: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy'])
/** As `BasicLongRunningRequestCheck` of kube-apiserver has it, but for logs, which end unless they are followed. */
const LONG_RUNNING: ReadonlySet<string> = new Set([...STREAMS, 'watch'])

function methodVerb(method: string): KubeVerb {
  switch (method) {
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return 'delete'
    default:
      // GET and HEAD; OPTIONS is refused by the caller.
      return 'get'
  }
}

/** A get without a name is a list, or a watch when it asks for that; it may be about one object nevertheless. */
function listOrWatch(
  query: string,
): Pick<ResourceRequest, 'kind' | 'verb' | 'name' | 'mutating' | 'longRunning'> {
  if (!mayDecide(query)) return LIST
  const params = new RequestQuery(query)
  const watch = params.flag('watch')
  return {
    kind: 'resource',
    verb: watch ? 'watch' : 'list',
    name: params.selectedName(),
    mutating: false,
    longRunning: watch,
  }
}

const LIST = {
  kind: 'resource',
  verb: 'list',
  name: '',
  mutating: false,
  longRunning: false,
} as const

const isFollowedLog = (verb: KubeVerb, subresource: string, query: string): boolean =>
  verb === 'get' &&
  subresource === 'log' &&
  mayDecide(query) &&
  new RequestQuery(query).flag('follow')

const methodNotAllowed = (method: string): KubeError =>
  new KubeError(
    'METHOD_NOT_ALLOWED',
    `the method ${JSON.stringify(method.slice(0, 16))} is not served here`,
  )
