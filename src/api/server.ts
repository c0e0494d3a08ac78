import { createServer, type Server as HttpServer } from 'node:http'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { UnprovenEvents } from '../audit/index.ts'
import { type BodyOf, type Endpoint, type EndpointName, endpoints } from '../contract/index.ts'
import { errorMessage } from '../core/index.ts'
import type { AccessSnapshot } from './access-state.ts'
import { auditApi } from './audit-api.ts'
import { authenticate, authorize } from './authenticate.ts'
import { type ApiDeps, type Caller, type Stranger, strangerFrom } from './context.ts'
import { ApiError, apiStatus } from './errors.ts'
import type { ApiCall, Handlers } from './handler-types.ts'
import { createHandlers } from './handlers.ts'
import { defaultServerLimits, type ServerLimits } from './limits.ts'
import { MemberStateFeed } from './member/state-feed.ts'
import { Waiters } from './member/waiters.ts'
import type { PeerTable } from './peer.ts'
import { errorBody, explainRefusal, retryAfterS } from './refusal.ts'
import { createStrangerPort, type StrangerPort } from './stranger-port.ts'

/** The API's HTTP side; sockets come to it with their TLS already ended (see listener.ts). */
export interface ApiServer {
  readonly http: HttpServer
  /** The listener enters each socket here before it hands it to `http`. */
  readonly peers: PeerTable
  readonly app: FastifyInstance
  /** Answers the calls that wait for news, so that a drain does not wait for them. */
  stopWaiting(): void
  /** What pages of a proxy in this process call for whoever looks at them. */
  readonly strangers: StrangerPort
}

/** Registers every endpoint of the contract behind authentication, authorisation and audit. */
export async function createApiServer(deps: ApiDeps): Promise<ApiServer> {
  const limits: ServerLimits = { ...defaultServerLimits, ...deps.limits }
  let http: HttpServer | null = null
  const peers: PeerTable = new WeakMap()
  const unproven = new UnprovenEvents(deps.audit, deps.clock, deps.log)
  const audit = auditApi(deps, unproven)
  const state: CallState = { deps, limits, peers, callers: new WeakMap(), judged: new WeakMap() }
  const app = fastify({
    bodyLimit: limits.maxBodyBytes,
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { coerceTypes: 'array', removeAdditional: false, allErrors: true } },
    serverFactory: (handler) => {
      http = createServer(
        {
          headersTimeout: limits.headersTimeoutMs,
          requestTimeout: limits.requestTimeoutMs,
          keepAliveTimeout: limits.keepAliveTimeoutMs,
          connectionsCheckingInterval: limits.timeoutsCheckedMs,
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

  app.addContentTypeParser(BYTES, { parseAs: 'buffer' }, (_, body, done) => done(null, body))

  // Places for strangers are few, and are given back with the answer.
  app.addHook('onRequest', async (request, reply) => {
    if (peers.get(request.raw.socket)?.proven !== true) void reply.header('connection', 'close')
  })

  const feed = new MemberStateFeed(deps)
  const waiters = new Waiters()
  const stopFollowing = deps.dynamicClusters.onChange(() => waiters.tell())
  const orderWaiters = new Waiters()
  const stopOrders = deps.sessions.orders.onOrder((hostId) => orderWaiters.tell(hostId))
  const handlers = createHandlers(deps, audit, () => ({ ...app.swagger() }), {
    feed,
    waiters,
    orderWaiters,
  })
  for (const name of Object.keys(endpoints) as EndpointName[]) register(app, state, handlers, name)

  app.setErrorHandler(async (error, request, reply) => {
    const caller =
      state.callers.get(request) ??
      strangerFrom(peers.get(request.raw.socket)?.address ?? 'unknown')
    const refusal = await explainRefusal({ audit, log: deps.log }, error, {
      caller,
      method: request.method,
      path: request.routeOptions.url ?? '',
    })
    const seconds = retryAfterS(refusal)
    if (seconds !== null) void reply.header('retry-after', seconds)
    await reply.code(apiStatus[refusal.code]).send(errorBody(refusal))
  })
  app.setNotFoundHandler(async (request, reply) => {
    await reply.code(404).send({
      error: { code: 'NOT_FOUND', message: `no such endpoint: ${request.method} ${request.url}` },
    })
  })

  const stopWaiting = (): void => {
    feed[Symbol.dispose]()
    stopFollowing()
    waiters.close()
    stopOrders()
    orderWaiters.close()
  }
  app.addHook('onClose', async () => {
    stopWaiting()
    await unproven.flush().catch((error: unknown) => {
      deps.log.error({ error: errorMessage(error) }, 'gathered refusals cannot be audited')
    })
  })

  await app.ready()
  if (http === null)
    throw new TypeError('fastify made no server')
    // It never listens, since sockets are handed to it; this starts its check of idle and unfinished connections.
  ;(http as HttpServer).emit('listening')
  return {
    http,
    app,
    peers,
    stopWaiting,
    strangers: createStrangerPort(handlers, { audit, log: deps.log }),
  }
}

/** Bodies and answers that are no JSON. */
const BYTES = 'application/octet-stream'

interface CallState {
  readonly deps: ApiDeps
  readonly limits: ServerLimits
  readonly peers: PeerTable
  /** Who sent a request; kept beside it, since nothing that a client sends can write there. */
  readonly callers: WeakMap<FastifyRequest, Caller | Stranger>
  /** What a caller was judged by, before his body came. */
  readonly judged: WeakMap<FastifyRequest, AccessSnapshot>
}

function register(
  app: FastifyInstance,
  state: CallState,
  handlers: Handlers,
  name: EndpointName,
): void {
  const { deps, limits, peers, callers, judged } = state
  const endpoint: Endpoint = endpoints[name]
  if ((endpoint.rules.length === 0) !== (endpoint.open !== undefined)) {
    throw new TypeError(`endpoint ${name} must have rules, or be open on purpose`)
  }
  if ((endpoint.open === 'member') !== (endpoint.members !== undefined)) {
    throw new TypeError(`endpoint ${name} must say which services may call it`)
  }
  const judge = async (request: FastifyRequest): Promise<void> => {
    const caller = authenticate(deps, endpoint, peers.get(request.raw.socket))
    callers.set(request, caller)
    callers.set(request, await authorize(deps, endpoint, caller))
  }
  const handler = handlers[name] as (call: ApiCall<EndpointName>) => Promise<unknown>
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    bodyLimit:
      endpoint.open === 'anyone'
        ? limits.maxStrangerBodyBytes
        : (endpoint.maxBodyBytes ?? limits.maxBodyBytes),
    schema: {
      operationId: name,
      summary: endpoint.summary,
      description: describeAccess(endpoint),
      params: endpoint.params,
      querystring: endpoint.query,
      ...(endpoint.body === null ? {} : { body: endpoint.body }),
      ...(endpoint.binary === 'body' ? { consumes: [BYTES] } : {}),
      ...(endpoint.binary === 'response' ? { produces: [BYTES] } : {}),
      response: { 200: endpoint.response },
    },
    // Before the body is read or validated: who may not call learns nothing about what would be valid.
    onRequest: async (request) => {
      judged.set(request, deps.access.current())
      await judge(request)
    },
    handler: async (request) => {
      // A body may come long after its head: who was locked out meanwhile is not heard.
      if (judged.get(request) !== deps.access.current()) await judge(request)
      const caller = callers.get(request)
      if (caller === undefined)
        throw new TypeError('a request without a caller reached its handler')
      assertForm(endpoint, request.body)
      const before = deps.access.current()
      const answer = await handler({
        // What `authorize` let through is what the endpoint's handler takes.
        caller: caller as Caller,
        params: request.params as ApiCall<EndpointName>['params'],
        query: request.query as ApiCall<EndpointName>['query'],
        body: request.body as BodyOf<EndpointName>,
      })
      // Services wait for what they follow: who is none any more gets nothing that came after it.
      if (endpoint.open === 'member' && before !== deps.access.current()) await judge(request)
      return answer
    },
  })
}

/** Throws BAD_REQUEST for JSON where bytes are wanted, and for bytes where JSON is. */
function assertForm({ binary, body: schema }: Endpoint, body: unknown): void {
  if (schema === null || (binary === 'body') === body instanceof Uint8Array) return
  throw new ApiError(
    'BAD_REQUEST',
    `content-type: the body must be ${binary === 'body' ? BYTES : 'application/json'}`,
  )
}

/** For the OpenAPI document: who may call. */
function describeAccess({ open, rules, members = [] }: Endpoint): string {
  switch (open) {
    case 'anyone':
      return 'Open to anyone, without a certificate.'
    case 'self':
      return 'Open to every user, about himself.'
    case 'people':
      return 'Open to every user and the local administrator, who see what their roles show and what is their own.'
    case 'member':
      return `Open to services that joined: ${members.join(', ')}.`
    default:
      return `Needs ${rules.map(({ resource, verb }) => `\`${resource}: ${verb}\``).join(' and ')}.`
  }
}
