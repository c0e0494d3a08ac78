import { type RequestInfo, statusCodes } from '../kube/index.ts'
import { auditRefusal, commit, commitUnproven } from './audit-request.ts'
import type { HandlerDeps } from './deps.ts'
import type { RequestEvents, RequestOutcome } from './event.ts'
import type { ClientExchange } from './exchange.ts'
import { answerOf, headersOf, type Refusal, type RefusalCode } from './refusal.ts'

/** Refuses a request that was never allowed: metrics have not heard of it yet. */
export function refuseUnstarted(
  deps: HandlerDeps,
  exchange: ClientExchange,
  events: RequestEvents,
  info: RequestInfo | null,
  refusal: Refusal,
): Promise<void> {
  const { kubeCluster, user } = events
  deps.metrics?.requestRefused(kubeCluster, user, refusal.code, statusCodes[refusal.reason])
  return refuse(deps, exchange, events, info, refusal)
}

/** Audits a refusal, then tells it. */
export async function refuse(
  deps: HandlerDeps,
  exchange: ClientExchange,
  events: RequestEvents,
  info: RequestInfo | null,
  refusal: Refusal,
): Promise<void> {
  // Nobody reads it; left where it is, it would take memory until the audit log has answered.
  exchange.body?.resume()
  const discovery = info?.kind === 'nonResource' && info.discovery
  let answer = answerOf(refusal, discovery)
  const outcome: RequestOutcome = {
    outcome: refusal.code.startsWith('UPSTREAM') ? 'failed' : 'denied',
    status: answer.status,
    bytesSent: Buffer.byteLength(answer.body),
    bytesReceived: 0,
    error: refusal,
  }
  const nowMs = deps.clock.now()
  const worthless = worthlessHolder(events, refusal)
  const written =
    refusal.code === auditRefusal.code ||
    (await (worthless === null
      ? commit(deps, events.ended(outcome, nowMs))
      : commitUnproven(deps, events.endedFields(outcome, nowMs), worthless)))
  if (!written) answer = answerOf(auditRefusal, discovery)
  // Whoever proved nothing holds no connection: what he has shown will not change on this one. A lock may end.
  if (events.user === null || LASTING.has(refusal.code)) exchange.last()
  send(exchange, answer)
}

/** What will not change for this connection. */
const LASTING: ReadonlySet<RefusalCode> = new Set(['USER_GONE', 'CLUSTER_DROPPED'])

/** Of certificates that are genuine and worth nothing: who holds one could fill the audit log like any stranger. */
const WORTHLESS: ReadonlySet<RefusalCode> = new Set([
  'USER_GONE',
  'LOCKED',
  'ADDRESS_PINNED',
  'ADDRESS_NOT_PINNED',
])

/** By whom the refusals of somebody without standing are gathered: his address, or the name on his certificate. */
function worthlessHolder(events: RequestEvents, { code }: Refusal): string | null {
  const { unprovenAddress, begun, user } = events
  if (unprovenAddress !== null) return unprovenAddress
  return WORTHLESS.has(code) && !begun ? `user ${user ?? ''}` : null
}

function send(exchange: ClientExchange, answer: ReturnType<typeof answerOf>): void {
  if (exchange.closed) return
  const body = Buffer.from(answer.body, 'utf8')
  // An upgrade's answer adds its own length.
  const length = exchange.upgrade === null ? ['content-length', String(body.length)] : []
  exchange.respond(answer.status, [...headersOf(answer), ...length], false)
  exchange.end(exchange.method === 'HEAD' ? null : body)
}
