import {
  ENDED_PORT_CODE,
  type EncodedEvent,
  type EventName,
  eventBase,
  eventCodes,
  eventTime,
  FAILED_PORT_CODE,
  type GenericEvent,
  type KubeRequestEvent,
  newEventUid,
  REFUSED_REQUEST_CODE,
} from '../audit/index.ts'
import type { RequestInfo } from '../kube/index.ts'
import type { Refusal } from './refusal.ts'
import type { SteadyEvent, SteadyFacts, SteadyFields } from './steady-fields.ts'

/** Kubernetes' own are far shorter; what is longer is an attempt, and its beginning is evidence enough. */
const MAX_PATH_CHARS = 2048
/** Names end at 253 characters (RFC 1123), paths below `…/proxy` do not. */
const MAX_NAME_CHARS = 512

/** What is known of a request when its event is written; grows while it is decided. */
export interface RequestFacts extends SteadyFacts {
  readonly method: string
  readonly target: string
  readonly startedMs: number
  /** Of the connection. */
  readonly steadyFields: SteadyFields
  info: RequestInfo | null
  identity: SteadyFacts['identity']
  roles: SteadyFacts['roles']
  principals: SteadyFacts['principals']
  /** The rule, option or lock that decided. */
  decidedBy: string | null
}

export interface RequestOutcome {
  readonly outcome: KubeRequestEvent['outcome']
  readonly status: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly error: Pick<Refusal, 'code' | 'message' | 'by'> | null
}

/** Of a client that did not wait for its answer. */
export const leftEarly: RequestOutcome = {
  outcome: 'aborted',
  status: 0,
  bytesSent: 0,
  bytesReceived: 0,
  error: { code: 'ABORTED', message: 'the client left before it was answered' },
}

/** A connection of a port-forward, or several to one port. */
export interface PortFacts {
  readonly uid: string | null
  /** 0: several, to ports that are not told apart. */
  readonly port: number
  readonly startedMs: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly durationMs: number
  readonly outcome: 'started' | 'done' | 'failed'
  /** Why it came to nothing, in the words of whoever knows: the node, or we. */
  readonly error: string | null
  /** How many this stands for; null: one, of its own. */
  readonly repeated: number | null
}

/** The `kube.request` events of one request: they share a uid and the time at which the request came in. */
export class RequestEvents {
  readonly #facts: RequestFacts
  readonly #uid: string
  #begun = false

  constructor(facts: RequestFacts) {
    this.#facts = facts
    this.#uid = newEventUid(facts.startedMs)
  }

  /** Where the request came from, when nobody is known to have sent it; else null. */
  get unprovenAddress(): string | null {
    return this.#facts.identity === null ? this.#facts.origin.address : null
  }

  /** An event of it may be in the audit log already, and waits for its end. */
  get begun(): boolean {
    return this.#begun
  }

  /** Who sent it, when that is proven. */
  get user(): string | null {
    return this.#facts.identity?.user ?? null
  }

  get kubeCluster(): string {
    return this.#facts.kubeCluster
  }

  /** Before a mutation, an upgrade or a watch goes up: the outcome is not known yet. */
  started(): EncodedEvent {
    this.#begun = true
    return this.ended(
      { outcome: 'started', status: 0, bytesSent: 0, bytesReceived: 0, error: null },
      this.#facts.startedMs,
    )
  }

  /** When it is over. */
  ended(outcome: RequestOutcome, nowMs: number): EncodedEvent {
    const facts = this.#facts
    const head = this.#head(outcome)
    // Neither a time nor a uid nor a code has anything to escape.
    const begin = `{"event":"${head.event}","code":"${head.code}","time":"${head.time}","uid":"${head.uid}",`
    const steady = facts.steadyFields.of(facts)
    const own = JSON.stringify(ownFields(facts, outcome, nowMs))
    return {
      uid: head.uid,
      time: head.time,
      event: head.event,
      user: facts.identity?.user ?? null,
      kubeCluster: facts.kubeCluster,
      final: outcome.outcome !== 'started',
      json: Buffer.from(`${begin}${steady.json},${own.slice(1)}`, 'utf8'),
    }
  }

  /** The same event as fields. */
  endedFields(outcome: RequestOutcome, nowMs: number): KubeRequestEvent {
    const facts = this.#facts
    return {
      ...this.#head(outcome),
      ...facts.steadyFields.of(facts).fields,
      ...ownFields(facts, outcome, nowMs),
    }
  }

  /** When we end what goes on: the `client.disconnect` beside the request's own events. */
  cut({ code, message, by = null }: Refusal, nowMs: number): GenericEvent {
    return {
      ...this.about('client.disconnect', nowMs),
      reason: message,
      error_code: code,
      decided_by: by,
    }
  }

  /** An event beside the request's own: who, from where, in which cluster and as whom. What it is about is the caller's to say. */
  about(event: EventName, nowMs: number): GenericEvent {
    const facts = this.#facts
    return {
      ...eventBase(event, { clusterName: facts.clusterName, nowMs, uid: newEventUid(nowMs) }),
      ...facts.steadyFields.of(facts).fields,
      request_uid: this.#uid,
    }
  }

  /** The roles of the person, as the request's events tell them. */
  get roles(): readonly string[] {
    return this.#facts.roles
  }

  /** A connection of the port-forward with this id: beside the request's own events. */
  port(sid: string, facts: PortFacts, nowMs: number): GenericEvent {
    const { info } = this.#facts
    const resource = info?.kind === 'resource' ? info : null
    const { outcome, error } = facts
    const uid = facts.uid ?? newEventUid(nowMs)
    const namespace = cut(resource?.namespace ?? '', MAX_NAME_CHARS)
    const pod = cut(resource?.name ?? '', MAX_NAME_CHARS)
    return {
      ...this.about('port', facts.startedMs),
      uid,
      code: PORT_CODES[outcome],
      sid,
      kube_verb: 'portforward',
      resource_namespace: namespace,
      resource_kind: cut(resource?.resource ?? '', MAX_NAME_CHARS),
      resource_name: pod,
      kubernetes_pod_namespace: namespace,
      kubernetes_pod_name: pod,
      ...(facts.port === 0 ? {} : { addr: `${pod}:${facts.port}` }),
      port: facts.port,
      success: outcome !== 'failed',
      outcome,
      ...(error === null ? {} : { error: cut(error, MAX_NAME_CHARS) }),
      bytes_sent: facts.bytesSent,
      bytes_received: facts.bytesReceived,
      duration_ms: facts.durationMs,
      ...(facts.repeated === null ? {} : { repeated: facts.repeated }),
    }
  }

  #head({ outcome }: RequestOutcome): Pick<KubeRequestEvent, 'event' | 'code' | 'time' | 'uid'> {
    const refused = outcome === 'denied' || outcome === 'failed'
    return {
      event: 'kube.request',
      code: refused ? REFUSED_REQUEST_CODE : eventCodes['kube.request'],
      time: eventTime(this.#facts.startedMs),
      uid: this.#uid,
    }
  }
}

const PORT_CODES = {
  started: eventCodes.port,
  done: ENDED_PORT_CODE,
  failed: FAILED_PORT_CODE,
} as const

/** What is this request's own. */
function ownFields(
  { info, method, target, startedMs, decidedBy }: RequestFacts,
  result: RequestOutcome,
  nowMs: number,
): Omit<KubeRequestEvent, keyof SteadyEvent | 'event' | 'code' | 'time' | 'uid'> {
  const resource = info?.kind === 'resource' ? info : null
  return {
    // Without the query: it may hold what was typed (`exec -- …`) and continue tokens.
    request_path: cut(info?.path ?? target.split('?')[0] ?? '', MAX_PATH_CHARS),
    verb: method,
    kube_verb: info?.verb ?? '',
    resource_api_group:
      resource === null
        ? ''
        : cut(
            `${resource.apiGroup === '' ? 'core' : resource.apiGroup}/${resource.apiVersion}`,
            MAX_NAME_CHARS,
          ),
    resource_namespace: cut(resource?.namespace ?? '', MAX_NAME_CHARS),
    resource_kind: cut(resource?.resource ?? '', MAX_NAME_CHARS),
    resource_subresource: cut(resource?.subresource ?? '', MAX_NAME_CHARS),
    resource_name: cut(resource?.name ?? '', MAX_NAME_CHARS),
    response_code: result.status,
    outcome: result.outcome,
    bytes_sent: result.bytesSent,
    bytes_received: result.bytesReceived,
    duration_ms: Math.max(0, nowMs - startedMs),
    decided_by: (result.outcome === 'denied' ? result.error?.by : null) ?? decidedBy,
    ...(result.error === null
      ? {}
      : { error_code: result.error.code, error: result.error.message }),
  }
}

const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length)}…`
