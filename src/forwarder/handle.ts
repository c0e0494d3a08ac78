import { describeRule, type Principals, type SessionOptions } from '../authz/index.ts'
import { errorMessage } from '../core/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import {
  isNodeCommand,
  KubeError,
  parseImpersonation,
  parseRequestInfo,
  type RequestInfo,
  upstreamHeaders,
} from '../kube/index.ts'
import { belowServerPath } from '../protocol/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import { auditRefusal, commit } from './audit-request.ts'
import { command } from './command.ts'
import type { Connection } from './connection.ts'
import type { HandlerDeps } from './deps.ts'
import { leftEarly, RequestEvents, type RequestFacts } from './event.ts'
import type { ClientExchange } from './exchange.ts'
import { forward } from './forward.ts'
import { portForward } from './port-forward.ts'
import { headerOf } from './raw-headers.ts'
import { dropped, type Refusal, tooMany, userGone } from './refusal.ts'
import { refuseUnstarted } from './refuse.ts'
import { barred, timeIsOver } from './session-rules.ts'
import { streamKindOf } from './stream-kind.ts'
import { upgrade } from './upgrade.ts'

/**
 * One request from its head to its answer: who (the certificate, judged now), what (request info), whether (roles, with
 * the impersonation that the client asks for), audit, and then up, or a refusal in words. Never throws.
 */
export async function handle(
  deps: HandlerDeps,
  connection: Connection,
  exchange: ClientExchange,
): Promise<void> {
  const startedMs = deps.clock.now()
  const { cluster, origin } = connection
  const { target, misdirected } = belowServerPath(exchange.target, cluster.serverName)
  const facts: RequestFacts = {
    clusterName: deps.clusterName,
    hostId: deps.hostId,
    kubeCluster: cluster.name,
    labels: cluster.labels(),
    origin,
    method: exchange.method,
    target,
    userAgent: headerOf(exchange.rawHeaders, 'user-agent')?.slice(0, MAX_USER_AGENT_CHARS) ?? null,
    startedMs,
    steadyFields: connection.steadyFields,
    info: null,
    identity: null,
    roles: [],
    principals: null,
    decidedBy: null,
  }
  const events = new RequestEvents(facts)
  try {
    const judged = judge(deps, connection, exchange, misdirected, facts)
    if ('code' in judged) {
      await refuseUnstarted(deps, exchange, events, facts.info, judged)
      return
    }
    const { info, headers, identity, principals, options, expiresAtMs } = judged
    if (!deps.live.admit(identity.user, deps.limits, exchange)) {
      await refuseUnstarted(deps, exchange, events, info, tooMany)
      return
    }
    const audited = !(info.kind === 'nonResource' && info.discovery)
    const begun = audited && (info.mutating || info.longRunning)
    if (begun && !(await commit(deps, events.started()))) {
      await refuseUnstarted(deps, exchange, events, info, auditRefusal)
      return
    }
    if (exchange.closed) {
      if (begun) await commit(deps, events.ended(leftEarly, deps.clock.now()))
      return
    }
    const stream = streamKindOf(info)
    const going = { connection, identity, stream, expiresAtMs }
    const request: AllowedRequest = {
      exchange,
      target,
      connection,
      user: identity.user,
      principals,
      options,
      info,
      stream,
      headers,
      events,
      audited,
      startedMs,
      withdrawn: () => withdrawnRights(deps, connection, exchange, identity, principals),
      overdue: (nowMs, heardMs) => timeIsOver(deps.access, going, nowMs, heardMs),
    }
    // Rights may have ended while the event was being written.
    const withdrawn = begun ? request.withdrawn() : null
    if (withdrawn !== null) {
      await refuseUnstarted(deps, exchange, events, info, withdrawn)
      return
    }
    deps.metrics?.requestStarted(request)
    if (exchange.upgrade === null) forward(deps, request)
    else if (stream === 'exec' || stream === 'attach') {
      await command(deps, request, exchange.upgrade)
    } else if (stream === 'portforward') await portForward(deps, request, exchange.upgrade)
    else await upgrade(deps, request, exchange.upgrade)
  } catch (error) {
    // A defect of ours: the peer learns nothing of it, and nothing goes up.
    deps.log.error({ error: errorMessage(error), stack: stackOf(error) }, 'a request failed inside')
    exchange.reset()
  }
}

/** Those of Kubernetes' clients have less than a hundred. */
const MAX_USER_AGENT_CHARS = 256

interface Judged {
  readonly info: RequestInfo
  readonly headers: readonly string[]
  readonly identity: UserIdentity
  readonly principals: Principals
  readonly options: SessionOptions
  /** When the certificate ends. */
  readonly expiresAtMs: number
}

/** Everything that decides, in order, pure but for the clock. Fills in the facts of the event as it learns them. */
function judge(
  deps: HandlerDeps,
  connection: Connection,
  exchange: ClientExchange,
  misdirected: boolean,
  facts: RequestFacts,
): Judged | Refusal {
  const isUpgrade = exchange.upgrade !== null
  let unreadable: KubeError | null = null
  try {
    facts.info = parseRequestInfo({
      method: exchange.method,
      target: facts.target,
      upgrade: isUpgrade,
    })
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    unreadable = error
  }
  const nowMs = deps.clock.now()
  const verdict = connection.peer.judge(nowMs)
  if (!verdict.ok) return { code: verdict.code, reason: 'Unauthorized', message: verdict.message }
  const { identity } = verdict
  if (identity.kind !== 'user') {
    return {
      code: 'CERT_WRONG_KIND',
      reason: 'Forbidden',
      message: 'this certificate is not a person’s or a robot’s',
    }
  }
  facts.identity = identity
  facts.roles = identity.roles
  const snapshot = deps.access.current()
  const here = connection.accessOf(identity, snapshot)
  if (here === null) return userGone
  facts.roles = here.roleNames
  const { address } = connection.origin
  const bar = barred(deps.access, snapshot, { identity, address, here }, nowMs)
  if (bar !== null) return bar
  if (!deps.isServed(connection.cluster)) return dropped(connection.cluster.name)
  if (misdirected) return otherClustersPath
  if (unreadable !== null || facts.info === null) {
    return {
      code: 'BAD_REQUEST',
      reason: unreadable?.code === 'METHOD_NOT_ALLOWED' ? 'MethodNotAllowed' : 'BadRequest',
      message: unreadable?.message ?? 'the request cannot be read',
    }
  }
  const decision = here.decide(parseImpersonation(exchange.rawHeaders))
  facts.decidedBy = decision.by === null ? null : describeRule(decision.by)
  if (decision.effect === 'deny') {
    return { code: decision.code, reason: 'Forbidden', message: decision.message }
  }
  if (isNodeCommand(facts.info)) return nodeCommand
  facts.principals = decision.principals
  try {
    const headers = upstreamHeaders({
      rawHeaders: exchange.rawHeaders,
      principals: decision.principals,
      upgrade: isUpgrade,
    })
    const { expiresAtMs } = verdict
    const { principals } = decision
    const { options } = here
    return { info: facts.info, headers, identity, principals, options, expiresAtMs }
  } catch (error) {
    if (!(error instanceof KubeError)) throw error
    return { code: 'BAD_REQUEST', reason: 'BadRequest', message: error.message }
  }
}

/** It would be no session: in no list, in no recording, and without its command in the audit log. */
const nodeCommand: Refusal = {
  code: 'NODE_COMMAND',
  reason: 'Forbidden',
  message:
    'commands and ports by way of nodes/…/proxy are not served here, as they would leave no session: use kubectl exec, attach or port-forward',
}

/** Somebody put an entry together by hand. */
const otherClustersPath: Refusal = {
  code: 'BAD_REQUEST',
  reason: 'BadRequest',
  message:
    'the path of the server in this kubeconfig is another cluster’s than its tls-server-name: log in again (tsh kube login)',
}

/**
 * Judges a running exchange again, by what roles, users, locks and authorities are now. Expiry alone does not end it,
 * unless a role says so (see `timeIsOver`).
 */
function withdrawnRights(
  deps: HandlerDeps,
  connection: Connection,
  exchange: ClientExchange,
  identity: UserIdentity,
  principals: Principals,
): Refusal | null {
  const nowMs = deps.clock.now()
  const verdict = connection.peer.judge(nowMs)
  if (!verdict.ok && verdict.code !== 'CERT_EXPIRED') {
    return { code: verdict.code, reason: 'Unauthorized', message: verdict.message }
  }
  const snapshot = deps.access.current()
  const here = connection.accessOf(identity, snapshot)
  if (here === null) return userGone
  const { address } = connection.origin
  const bar = barred(deps.access, snapshot, { identity, address, here }, nowMs)
  if (bar !== null) return bar
  if (!deps.isServed(connection.cluster)) return dropped(connection.cluster.name)
  const decision = here.decide(parseImpersonation(exchange.rawHeaders))
  if (decision.effect === 'deny') {
    return { code: decision.code, reason: 'Forbidden', message: decision.message }
  }
  const same =
    decision.principals.user === principals.user &&
    principals.groups.every((group) => decision.principals.groups.includes(group))
  return same
    ? null
    : {
        code: 'ACCESS_WITHDRAWN',
        reason: 'Forbidden',
        message: 'what your roles give in this cluster has changed',
      }
}

const stackOf = (error: unknown): string | undefined =>
  error instanceof Error ? error.stack : undefined
