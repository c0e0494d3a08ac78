import { createServer, type Server as HttpServer } from 'node:http'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { UnprovenEvents } from '../audit/index.ts'
import { type BodyOf, type Endpoint, type EndpointName, endpoints } from '../contract/index.ts'
import { errorMessage } from '../core/index.ts'
import { type ApiAudit, auditApi } from './audit-api.ts'
import { authorizeCall, subjectOf } from './authorize-call.ts'
import type { ApiDeps, Caller } from './context.ts'
import { ApiError, apiStatus } from './errors.ts'
import { type ApiCall, createHandlers, type Handlers } from './handlers.ts'
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_BODY_BYTES,
  REQUEST_TIMEOUT_MS,
} from './limits.ts'
import type { PeerTable } from './peer.ts'

/** The API's HTTP side; sockets come to it with their TLS already ended (see listener.ts). */
export interface ApiServer {
  readonly http: HttpServer
  /** The listener enters each socket here before it hands it to `http`. */
  readonly peers: PeerTable
  readonly app: FastifyInstance
}

/** Registers every endpoint of the contract behind authentication, authorisation and audit. */
export async function createApiServer(deps: ApiDeps): Promise<ApiServer> {
  let http: HttpServer | null = null
  const peers: PeerTable = new WeakMap()
  const unproven = new UnprovenEvents(deps.audit, deps.clock)
  const audit = auditApi(deps, unproven)
  const state: CallState = { deps, audit, peers, callers: new WeakMap() }
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { coerceTypes: 'array', removeAdditional: false, allErrors: true } },
    serverFactory: (handler) => {
      http = createServer(
        {
          headersTimeout: HEADERS_TIMEOUT_MS,
          requestTimeout: REQUEST_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        },
        handler,
      )
      return http
    },
  })

  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Teleport Kubernetes Access', version: deps.version },
    },
  })

  const handlers = createHandlers(deps, audit, () => ({ ...app.swagger() }))
  for (const name of Object.keys(endpoints) as EndpointName[]) register(app, state, handlers, name)

  app.setErrorHandler(async (error, request, reply) => {
    const known = await explain(state, error, request)
    await reply
      .code(apiStatus[known.code])
      .send({ error: { code: known.code, message: known.message } })
  })
  app.setNotFoundHandler(async (request, reply) => {
    await reply.code(404).send({
      error: { code: 'NOT_FOUND', message: `no such endpoint: ${request.method} ${request.url}` },
    })
  })

  app.addHook('onClose', async () => {
    await unproven.flush().catch((error: unknown) => {
      deps.log.error({ error: errorMessage(error) }, 'gathered refusals cannot be audited')
    })
  })

  await app.ready()
  if (http === null)
    throw new TypeError('fastify made no server')
    // It never listens, since sockets are handed to it; this starts its check of idle and unfinished connections.
  ;(http as HttpServer).emit('listening')
  return { http, app, peers }
}

interface CallState {
  readonly deps: ApiDeps
  readonly audit: ApiAudit
  readonly peers: PeerTable
  /** Who sent a request; kept beside it, since nothing that a client sends can write there. */
  readonly callers: WeakMap<FastifyRequest, Caller>
}

function register(
  app: FastifyInstance,
  state: CallState,
  handlers: Handlers,
  name: EndpointName,
): void {
  const { deps, callers } = state
  const endpoint: Endpoint = endpoints[name]
  const handler = handlers[name] as (call: ApiCall<EndpointName>) => Promise<unknown>
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    schema: {
      operationId: name,
      summary: endpoint.summary,
      description: `Needs ${endpoint.rules.map(({ resource, verb }) => `\`${resource}: ${verb}\``).join(' and ')}.`,
      params: endpoint.params,
      querystring: endpoint.query,
      ...(endpoint.body === null ? {} : { body: endpoint.body }),
      response: { 200: endpoint.response },
    },
    // Before the body is read or validated: who may not call learns nothing about what would be valid.
    onRequest: async (request) => {
      const caller = callerOf(state, request)
      callers.set(request, caller)
      authorizeCall(subjectOf(caller.identity, deps.access.current()), endpoint)
    },
    handler: async (request) => {
      const caller = callers.get(request)
      if (caller === undefined)
        throw new TypeError('a request without a caller reached its handler')
      return handler({
        caller,
        params: request.params as ApiCall<EndpointName>['params'],
        query: request.query as ApiCall<EndpointName>['query'],
        body: request.body as BodyOf<EndpointName>,
      })
    },
  })
}

function callerOf({ deps, peers }: CallState, request: FastifyRequest): Caller {
  const peer = peers.get(request.raw.socket)
  const verdict = (peer?.certificate ?? deps.peers.parse(null)).judge(deps.clock.now())
  if (!verdict.ok) {
    throw new ApiError('UNAUTHENTICATED', verdict.message, { facts: { reason: verdict.code } })
  }
  const { identity } = verdict
  const address = peer?.address ?? 'unknown'
  switch (identity.kind) {
    case 'user':
      return { identity, user: identity.user, roles: identity.roles, address }
    case 'admin':
      return { identity, user: '@admin', roles: [], address }
    case 'host':
      return { identity, user: `@${identity.hostId}`, roles: [], address }
  }
}

/** What was thrown, as an ApiError; refusals are audited before they are told. */
async function explain(
  { deps, audit, peers, callers }: CallState,
  error: unknown,
  request: FastifyRequest,
): Promise<ApiError> {
  const known = asApiError(error)
  if (known.code === 'INTERNAL') {
    deps.log.error({ error: errorMessage(error), url: request.routeOptions.url }, 'API call failed')
    return known
  }
  if (known.code !== 'ACCESS_DENIED' && known.code !== 'UNAUTHENTICATED') return known
  const caller = callers.get(request) ?? {
    user: '',
    roles: [],
    address: peers.get(request.raw.socket)?.address ?? 'unknown',
  }
  try {
    await audit.note(caller, 'auth', {
      success: false,
      method: request.method,
      path: request.routeOptions.url ?? '',
      error_code: known.code,
      error: known.message,
    })
  } catch (auditError) {
    return asApiError(auditError)
  }
  return known
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  if (isValidation(error)) return new ApiError('BAD_REQUEST', error.message, { cause: error })
  const status = statusOf(error)
  if (status >= 400 && status < 500) {
    return new ApiError('BAD_REQUEST', errorMessage(error), { cause: error })
  }
  // The cause goes to the log; it may hold what the caller must not see.
  return new ApiError('INTERNAL', 'internal error: the log of the auth service names the cause', {
    cause: error,
  })
}

const isValidation = (error: unknown): error is Error & { validation: unknown } =>
  error instanceof Error && 'validation' in error && error.validation !== undefined

const statusOf = (error: unknown): number =>
  error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500
