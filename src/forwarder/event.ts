import {
  eventBase,
  type GenericEvent,
  type KubeRequestEvent,
  newEventUid,
  REFUSED_REQUEST_CODE,
} from '../audit/index.ts'
import type { Principals } from '../authz/index.ts'
import { formatAddress } from '../core/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import type { RequestInfo } from '../kube/index.ts'
import type { ConnectionOrigin } from '../tls/index.ts'
import type { Refusal } from './refusal.ts'

/** Kubernetes' own are far shorter; what is longer is an attempt, and its beginning is evidence enough. */
const MAX_PATH_CHARS = 2048
/** Names end at 253 characters (RFC 1123), paths below `…/proxy` do not. */
const MAX_NAME_CHARS = 512

/** What is known of a request when its event is written; grows while it is decided. */
export interface RequestFacts {
  readonly clusterName: string
  readonly hostId: string
  readonly kubeCluster: string
  readonly labels: Readonly<Record<string, string>>
  readonly origin: ConnectionOrigin
  readonly method: string
  readonly target: string
  readonly userAgent: string | null
  readonly startedMs: number
  info: RequestInfo | null
  identity: UserIdentity | null
  roles: readonly string[]
  principals: Principals | null
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
  started(): KubeRequestEvent {
    this.#begun = true
    return this.#build(
      { outcome: 'started', status: 0, bytesSent: 0, bytesReceived: 0, error: null },
      this.#facts.startedMs,
    )
  }

  /** When it is over. */
  ended(outcome: RequestOutcome, nowMs: number): KubeRequestEvent {
    return this.#build(outcome, nowMs)
  }

  /** When we end what goes on: the `client.disconnect` beside the request's own events. */
  cut({ code, message, by = null }: Refusal, nowMs: number): GenericEvent {
    const { clusterName, hostId, kubeCluster, origin, identity, roles } = this.#facts
    return {
      ...eventBase('client.disconnect', { clusterName, nowMs, uid: newEventUid(nowMs) }),
      ...(identity === null ? {} : { user: identity.user, user_roles: roles }),
      'addr.remote': formatAddress(origin.address, origin.port),
      proto: 'kube',
      kubernetes_cluster: kubeCluster,
      reason: message,
      error_code: code,
      decided_by: by,
      request_uid: this.#uid,
      server_id: hostId,
    }
  }

  #build(result: RequestOutcome, nowMs: number): KubeRequestEvent {
    const facts = this.#facts
    const { info, identity, principals, origin } = facts
    const resource = info?.kind === 'resource' ? info : null
    const refused = result.outcome === 'denied' || result.outcome === 'failed'
    return {
      ...eventBase('kube.request', {
        clusterName: facts.clusterName,
        nowMs: facts.startedMs,
        uid: this.#uid,
      }),
      ...(refused ? { code: REFUSED_REQUEST_CODE } : {}),
      ...(identity === null
        ? {}
        : {
            user: identity.user,
            user_roles: facts.roles,
            user_traits: identity.traits,
            login: identity.login,
          }),
      'addr.remote': formatAddress(origin.address, origin.port),
      proto: 'kube',
      kubernetes_cluster: facts.kubeCluster,
      kubernetes_labels: facts.labels,
      ...(principals === null
        ? {}
        : { kubernetes_users: [principals.user], kubernetes_groups: principals.groups }),
      // Without the query: it may hold what was typed (`exec -- …`) and continue tokens.
      request_path: cut(info?.path ?? facts.target.split('?')[0] ?? '', MAX_PATH_CHARS),
      verb: facts.method,
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
      duration_ms: Math.max(0, nowMs - facts.startedMs),
      decided_by: (result.outcome === 'denied' ? result.error?.by : null) ?? facts.decidedBy,
      ...(result.error === null
        ? {}
        : { error_code: result.error.code, error: result.error.message }),
      server_id: facts.hostId,
      ...(facts.userAgent === null ? {} : { user_agent: facts.userAgent }),
    }
  }
}

const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length)}…`
