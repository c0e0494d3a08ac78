import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import { type EncodedAuditLog, UnprovenEvents } from '../audit/index.ts'
import { sessionOptions } from '../authz/index.ts'
import { type Clock, errorMessage, type Logger } from '../core/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import { KubeError, parseRequestInfo } from '../kube/index.ts'
import { belowServerPath } from '../protocol/index.ts'
import type { ConnectionOrigin } from '../tls/index.ts'
import type { ForwarderMetrics, HandlerDeps } from './deps.ts'
import { RequestEvents, type RequestFacts } from './event.ts'
import type { ClientExchange } from './exchange.ts'
import { holderOf, serveConnections } from './forwarder.ts'
import { defaultForwarderLimits, type ForwarderLimits } from './limits.ts'
import { LiveExchanges } from './live.ts'
import type { AccessSnapshots, PeerCertificate, PeerCertificateParser } from './ports.ts'
import { type Refusal, tooMany, userGone } from './refusal.ts'
import { refuseUnstarted } from './refuse.ts'
import { RememberedServers } from './remembered-servers.ts'
import { SessionsHere } from './session/live-sessions.ts'
import { LongCommands } from './session/long-commands.ts'
import { barred } from './session-rules.ts'
import { SteadyFields } from './steady-fields.ts'

/** Why a cluster cannot be reached, as far as a person may know. */
export type Undelivered =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'offline'
      readonly cluster: string
      readonly labels: Readonly<Record<string, string>>
      readonly sinceMs: number
    }
  /** A service serves it, and no way leads there from here: it has just died, or its tunnel is being made anew. */
  | {
      readonly kind: 'unreached'
      readonly cluster: string
      readonly labels: Readonly<Record<string, string>>
      readonly heardMs: number
    }

/** Answers every request on connections that the gateway could not deliver, with what is wrong and since when. */
export interface Undeliverable {
  accept(socket: Duplex, origin: ConnectionOrigin): void
  close(graceMs: number): Promise<void>
}

interface Bound {
  readonly serverName: string
  readonly origin: ConnectionOrigin
  readonly peer: PeerCertificate
}

export function createUndeliverable(options: {
  readonly secureContext: (serverName: string) => Promise<SecureContext>
  readonly peers: PeerCertificateParser
  readonly access: AccessSnapshots
  readonly audit: EncodedAuditLog
  readonly clusterName: string
  readonly hostId: string
  readonly metrics?: ForwarderMetrics
  readonly clock: Clock
  readonly log: Logger
  /** Tells only what the person's roles let it know. */
  readonly describe: (serverName: string, identity: UserIdentity) => Promise<Undelivered>
  readonly limits?: Partial<ForwarderLimits>
}): Undeliverable {
  const limits: ForwarderLimits = { ...defaultForwarderLimits, ...options.limits }
  const live = new LiveExchanges()
  const unproven = new UnprovenEvents(options.audit, options.clock, options.log)
  const deps: HandlerDeps = {
    ...options,
    servers: new RememberedServers(),
    recorder: null,
    tunnels: new RememberedServers(),
    longCommands: new LongCommands(),
    sessions: new SessionsHere(() => {}),
    leases: null,
    isServed: () => false,
    unproven,
    auditMode: 'strict',
    limits,
    metrics: options.metrics ?? null,
    live,
  }
  const served = serveConnections<Bound>({
    limits,
    log: options.log,
    secureContext: options.secureContext,
    bind: async ({ serverName, origin, certificate }) => ({
      serverName,
      origin,
      peer: options.peers.parse(certificate),
    }),
    holder: ({ peer }) => holderOf(peer, options),
    handle: (bound, exchange) => {
      answer(deps, options.describe, bound, exchange).catch((error: unknown) => {
        options.log.error({ error: errorMessage(error) }, 'an undeliverable request failed inside')
        exchange.reset()
      })
    },
  })
  return {
    accept: served.accept,
    async close(graceMs) {
      await served.close(graceMs, live)
      await unproven.flush().catch((error: unknown) => {
        options.log.error({ error: errorMessage(error) }, 'gathered refusals cannot be audited')
      })
    },
  }
}

async function answer(
  deps: HandlerDeps,
  describe: (serverName: string, identity: UserIdentity) => Promise<Undelivered>,
  { serverName, origin, peer }: Bound,
  exchange: ClientExchange,
): Promise<void> {
  const { target } = belowServerPath(exchange.target, serverName)
  const facts: RequestFacts = {
    clusterName: deps.clusterName,
    hostId: deps.hostId,
    kubeCluster: '',
    labels: {},
    origin,
    method: exchange.method,
    target,
    userAgent: null,
    startedMs: deps.clock.now(),
    steadyFields: new SteadyFields(),
    info: infoOf(exchange, target),
    identity: null,
    roles: [],
    principals: null,
    decidedBy: null,
  }
  const verdict = peer.judge(deps.clock.now())
  let refusal: Refusal
  let described: RequestFacts = facts
  if (!verdict.ok) {
    refusal = { code: verdict.code, reason: 'Unauthorized', message: verdict.message }
  } else if (verdict.identity.kind !== 'user') {
    refusal = { ...unknownCluster, code: 'CERT_WRONG_KIND' }
  } else {
    const { identity } = verdict
    described = { ...facts, identity, roles: identity.roles }
    if (!deps.live.admit(identity.user, deps.limits, exchange)) {
      exchange.last()
      await refuseUnstarted(deps, exchange, new RequestEvents(described), facts.info, tooMany)
      return
    }
    const bar = barredHere(deps, origin, identity)
    if (bar === null) {
      const found = await describe(serverName, identity)
      if (found.kind !== 'unknown') {
        described = { ...described, kubeCluster: found.cluster, labels: found.labels }
      }
      refusal = refusalOf(found)
    } else {
      refusal = bar
    }
  }
  // On this connection nothing else will ever be heard; the next one may lead to the cluster.
  exchange.last()
  await refuseUnstarted(deps, exchange, new RequestEvents(described), facts.info, refusal)
}

function barredHere(
  { access, clock }: HandlerDeps,
  { address }: ConnectionOrigin,
  identity: UserIdentity,
): Refusal | null {
  const snapshot = access.current()
  const subject = snapshot.subject(identity)
  if (subject === null) return userGone
  const here = { subject, options: sessionOptions(subject.roles) }
  return barred(access, snapshot, { identity, address, here }, clock.now())
}

/** The same words as for a cluster that the person may not reach. */
const unknownCluster: Refusal = {
  code: 'CLUSTER_UNKNOWN',
  reason: 'Forbidden',
  message:
    'access to this Kubernetes cluster is denied: no such cluster, or none of your roles reaches it. Ask an administrator',
}

const offline = ({ cluster, sinceMs }: Extract<Undelivered, { kind: 'offline' }>): Refusal => ({
  code: 'CLUSTER_OFFLINE',
  reason: 'ServiceUnavailable',
  message: `Kubernetes cluster "${cluster}" is offline since ${new Date(sinceMs).toISOString()}: no service of ours serves it`,
})

const unreached = ({ cluster, heardMs }: Extract<Undelivered, { kind: 'unreached' }>): Refusal => ({
  code: 'CLUSTER_UNREACHED',
  reason: 'ServiceUnavailable',
  message: `Kubernetes cluster "${cluster}" is not reached at present: its service was heard of at ${new Date(heardMs).toISOString()}, but no connection leads there. Try again in a moment`,
})

function refusalOf(found: Undelivered): Refusal {
  switch (found.kind) {
    case 'offline':
      return offline(found)
    case 'unreached':
      return unreached(found)
    case 'unknown':
      return unknownCluster
  }
}

function infoOf(exchange: ClientExchange, target: string): RequestFacts['info'] {
  try {
    return parseRequestInfo({
      method: exchange.method,
      target,
      upgrade: exchange.upgrade !== null,
    })
  } catch (error) {
    if (error instanceof KubeError) return null
    throw error
  }
}
