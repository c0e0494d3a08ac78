import { KubeError } from './errors.ts'
import { MAX_PATH_CHARS, MAX_TARGET_CHARS } from './limits.ts'
import type { KubeVerb, NonResourceRequest, RequestInfo, ResourceRequest } from './types.ts'

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

/** Subresources that open a stream into a pod: judged as such whatever the method, with and without an upgrade. */
const STREAM_VERBS: Readonly<Record<string, KubeVerb>> = {
  exec: 'exec',
  attach: 'attach',
  portforward: 'portforward',
}

/** Kinds that have a `proxy` subresource. */
const PROXIED: ReadonlySet<string> = new Set(['pods', 'services', 'nodes'])

/**
 * What a request asks for, by the rules of Kubernetes' `RequestInfoFactory`
 * (staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go), with the verbs exec, attach, portforward and
 * proxy added. `target` is the request target as it came; the forwarder sends the same bytes on.
 *
 * Throws KubeError: AMBIGUOUS_PATH when two readers could see different paths in it, METHOD_NOT_ALLOWED, and
 * UPGRADE_NOT_ALLOWED for an upgrade on anything that is not a stream.
 */
export function parseRequestInfo(request: {
  readonly method: string
  readonly target: string
  readonly upgrade: boolean
}): RequestInfo {
  const { method, target, upgrade } = request
  if (!METHODS.has(method)) {
    throw new KubeError('METHOD_NOT_ALLOWED', `method ${method.slice(0, 16)} is not served`)
  }
  if (target.length > MAX_TARGET_CHARS) throw ambiguous('it is too long')
  const question = target.indexOf('?')
  const path = question === -1 ? target : target.slice(0, question)
  const query = question === -1 ? '' : target.slice(question + 1)
  const segments = splitPath(path)
  const [prefix] = segments
  const info =
    (prefix === 'api' && segments.length >= 3) || (prefix === 'apis' && segments.length >= 4)
      ? resourceRequest(method, path, segments, query, upgrade)
      : nonResourceRequest(method, path, segments)
  if (upgrade) judgeUpgrade(info)
  return info
}

/** WebSocket watches exist since Kubernetes 1.1; everything else that upgrades is a stream into a pod or a proxy. */
function judgeUpgrade(info: RequestInfo): void {
  const streams =
    info.kind === 'resource' &&
    (info.verb === 'exec' ||
      info.verb === 'attach' ||
      info.verb === 'portforward' ||
      info.verb === 'proxy' ||
      info.verb === 'watch')
  if (!streams) {
    throw new KubeError(
      'UPGRADE_NOT_ALLOWED',
      'only exec, attach, port-forward, proxy and watch upgrade',
    )
  }
}

function nonResourceRequest(
  method: string,
  path: string,
  segments: readonly string[],
): NonResourceRequest {
  const [first = ''] = segments
  const discovery =
    (method === 'GET' || method === 'HEAD') &&
    ((first === 'api' && segments.length <= 2) ||
      (first === 'apis' && segments.length <= 3) ||
      (first === 'version' && segments.length === 1) ||
      first === 'openapi')
  return {
    kind: 'nonResource',
    verb: method.toLowerCase(),
    discovery,
    mutating: method !== 'GET' && method !== 'HEAD',
    longRunning: false,
    path,
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
  const [apiGroup, apiVersion] =
    prefix === 'api' ? ['', segments[1] ?? ''] : [segments[1] ?? '', segments[2] ?? '']
  let parts = segments.slice(prefix === 'api' ? 2 : 3)

  // The legacy prefixes /api/v1/watch/… and /api/v1/proxy/….
  let special: 'watch' | 'proxy' | null = null
  if (parts[0] === 'watch' || parts[0] === 'proxy') {
    special = parts[0]
    parts = parts.slice(1)
  }

  let namespace = ''
  if (parts[0] === 'namespaces') {
    if (parts.length > 1) {
      namespace = parts[1] ?? ''
      // namespaces/<ns>/status and namespaces/<ns>/finalize are about the namespace itself.
      const subresources = parts[2] === 'status' || parts[2] === 'finalize'
      if (parts.length > 2 && !subresources) parts = parts.slice(2)
    }
  }
  const [resource = '', pathName = ''] = parts
  const subresource = special === 'proxy' ? 'proxy' : (parts[2] ?? '')
  const params = queryOf(query)
  const verb = special ?? verbOf(method, pathName, params)
  const final = streamVerb(resource, subresource) ?? verb
  const name = pathName === '' ? selectedName(params) : pathName
  return {
    kind: 'resource',
    verb: final,
    prefix,
    apiGroup,
    apiVersion,
    namespace,
    resource,
    subresource,
    name,
    mutating: final !== 'get' && final !== 'list' && final !== 'watch',
    longRunning:
      final === 'watch' ||
      (final === 'get' && subresource === 'log' && truthy(params, 'follow')) ||
      upgrade,
    path,
  }
}

function streamVerb(resource: string, subresource: string): KubeVerb | null {
  if (resource === 'pods' && Object.hasOwn(STREAM_VERBS, subresource)) {
    return STREAM_VERBS[subresource] ?? null
  }
  return subresource === 'proxy' && PROXIED.has(resource) ? 'proxy' : null
}

function verbOf(method: string, name: string, params: URLSearchParams): KubeVerb {
  switch (method) {
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name === '' ? 'deletecollection' : 'delete'
    case 'GET':
    case 'HEAD': {
      // Kubernetes makes a list of a get when the resource has no name, and a watch of a list that asks for it.
      if (name !== '') return 'get'
      return truthy(params, 'watch') ? 'watch' : 'list'
    }
    default:
      return 'get'
  }
}

/**
 * Kubernetes takes all but `0` and `false` as true, and of repeated keys the first; here one true value is enough, so
 * that no repetition hides a watch.
 */
function truthy(params: URLSearchParams, key: string): boolean {
  return params.getAll(key).some((value) => value !== '0' && value.toLowerCase() !== 'false')
}

/** The one object that a list with `fieldSelector=metadata.name=x` is about, as Kubernetes' RequestInfo has it. */
function selectedName(params: URLSearchParams): string {
  for (const term of (params.get('fieldSelector') ?? '').split(',')) {
    const match = /^metadata\.name={1,2}(.+)$/.exec(term)
    if (match !== null) return match[1] ?? ''
  }
  return ''
}

const NO_PARAMS = new URLSearchParams()
const queryOf = (query: string): URLSearchParams =>
  query === '' ||
  !(
    query.includes('watch') ||
    query.includes('follow') ||
    query.includes('fieldSelector') ||
    query.includes('%')
  )
    ? NO_PARAMS
    : new URLSearchParams(query)

const HEX_PAIR = /^[0-9a-fA-F]{2}/

/**
 * The decoded segments of a path that every reader sees alike. Go decodes the path before it splits it, others split
 * first; so an encoded slash, a dot segment in any disguise, or an empty segment would be two paths in one.
 */
function splitPath(path: string): readonly string[] {
  if (!path.startsWith('/')) throw ambiguous('it does not begin with a slash')
  if (path.length > MAX_PATH_CHARS) throw ambiguous('it is too long')
  if (/[^\x21-\x7e]/.test(path)) throw ambiguous('it has characters that must be encoded')
  if (path.includes('#') || path.includes('\\')) throw ambiguous('it has a "#" or a backslash')
  const raw = path.slice(1).split('/')
  // Kubernetes ignores a slash at the end.
  if (raw.at(-1) === '') raw.pop()
  const segments: string[] = []
  let inProxied = false
  for (const [index, part] of raw.entries()) {
    if (part === '' && !inProxied) throw ambiguous('it has an empty segment')
    const decoded = decode(part)
    const proxied = inProxied
    if (decoded.split('/').some((piece) => piece === '.' || piece === '..')) {
      throw ambiguous('it has a dot segment')
    }
    // What is behind …/proxy/ belongs to somebody else's program, where an encoded slash may mean something.
    if (!proxied && /[/\\]/.test(decoded)) throw ambiguous('it has an encoded slash')
    if (/[\u0000-\u001f\u007f]/.test(decoded))
      throw ambiguous('it has an encoded control character')
    segments.push(decoded)
    if (decoded === 'proxy' && index >= 3) inProxied = true
  }
  return segments
}

function decode(part: string): string {
  if (!part.includes('%')) return part
  for (let at = part.indexOf('%'); at !== -1; at = part.indexOf('%', at + 1)) {
    if (!HEX_PAIR.test(part.slice(at + 1, at + 3))) throw ambiguous('it has a broken percent sign')
  }
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw ambiguous('it is not UTF-8', cause)
  }
}

const ambiguous = (why: string, cause?: unknown): KubeError =>
  new KubeError('AMBIGUOUS_PATH', `the path of the request is refused: ${why}`, { cause })
