import { createHash } from 'node:crypto'
import { ApiError, noSuchPath } from '../api-error.ts'
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
} from '../discovery/discovery.ts'
import { openApiV2, openApiV3, openApiV3Index } from '../discovery/openapi.ts'
import { encodeOpenApiV2 } from '../discovery/protobuf.ts'
import type { JsonObject } from '../json.ts'
import { groups } from '../resources/all.ts'
import { groupVersion } from '../resources/types.ts'
import { versionInfo } from '../version.ts'
import type { ApiEnv } from './env.ts'
import { type Answer, type DemoRequest, jsonAnswer, textAnswer } from './exchange.ts'
import { negotiateDiscovery, prefers } from './negotiate.ts'

const PROTO_V2 = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
const PROTO_V2_PLAIN = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
const HEALTH: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz'])

/** What is no resource: versions, discovery, OpenAPI, health. Throws ApiError NotFound and MethodNotAllowed. */
export function answerPath(_env: ApiEnv, request: DemoRequest, path: string): Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new ApiError(
      'MethodNotAllowed',
      'the server does not allow this method on the requested resource',
      {},
    )
  }
  const segments = path.split('/').filter((segment) => segment !== '')
  const [first = '', second = '', third = ''] = segments
  if (HEALTH.has(first)) return health(request, segments)
  switch (first) {
    case '':
      return jsonAnswer(200, { paths: knownPaths() })
    case 'version':
      if (segments.length === 1) return jsonAnswer(200, { ...versionInfo })
      break
    case 'api':
      if (segments.length === 1) return discovery('api', apiVersions(), request)
      if (segments.length === 2) return found(apiResourceList('', second))
      break
    case 'apis':
      if (segments.length === 1) return discovery('apis', apiGroupList(), request)
      if (segments.length === 2) return found(apiGroup(second))
      if (segments.length === 3) return found(apiResourceList(second, third))
      break
    case 'openapi':
      return openApi(request, segments.slice(1))
    default:
  }
  throw noSuchPath()
}

function discovery(prefix: 'api' | 'apis', old: JsonObject, request: DemoRequest): Answer {
  const version = negotiateDiscovery(request.header('accept'))
  if (version === null) return jsonAnswer(200, old)
  return cached(
    request,
    JSON.stringify(aggregatedDiscovery(prefix, version)),
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  )
}

function openApi(request: DemoRequest, [version = '', ...rest]: readonly string[]): Answer {
  if (version === 'v2' && rest.length === 0) {
    const document = openApiV2()
    return prefers(request.header('accept'), PROTO_V2, PROTO_V2_PLAIN)
      ? cached(request, encodeOpenApiV2(document), PROTO_V2_PLAIN)
      : cached(request, JSON.stringify(document), 'application/json')
  }
  if (version !== 'v3') throw noSuchPath()
  if (rest.length === 0) return jsonAnswer(200, openApiV3Index())
  const [prefix, group = '', groupVersionText = ''] = rest
  const document =
    prefix === 'api' && rest.length === 2
      ? openApiV3('', group)
      : prefix === 'apis' && rest.length === 3
        ? openApiV3(group, groupVersionText)
        : null
  if (document === null) throw noSuchPath()
  return cached(request, JSON.stringify(document), 'application/json')
}

/** With an ETag: clients ask for these at every start, and keep them. */
function cached(request: DemoRequest, body: string | Buffer, contentType: string): Answer {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase()}"`
  const headers = { etag, vary: 'Accept', 'cache-control': 'public' }
  if (request.header('if-none-match') === etag) {
    return { kind: 'whole', status: 304, headers, body: '' }
  }
  return {
    kind: 'whole',
    status: 200,
    headers: { ...headers, 'content-type': contentType },
    body,
  }
}

function found(document: JsonObject | null): Answer {
  if (document === null) throw noSuchPath()
  return jsonAnswer(200, document)
}

function health(request: DemoRequest, segments: readonly string[]): Answer {
  const [, check] = segments
  if (segments.length > 2 || (check !== undefined && check !== 'ping')) {
    return textAnswer(404, '404 page not found\n')
  }
  const verbose = /[?&]verbose(?:[=&]|$)/.test(request.target)
  return textAnswer(200, verbose ? `[+]ping ok\n[+]demo ok\n${segments[0]} check passed\n` : 'ok')
}

function knownPaths(): string[] {
  const served = groups.flatMap((group) => [`/apis/${group.group}`, `/apis/${groupVersion(group)}`])
  return [
    '/api',
    '/api/v1',
    '/apis',
    ...served,
    '/healthz',
    '/livez',
    '/openapi/v2',
    '/openapi/v3',
    '/readyz',
    '/version',
  ]
}
