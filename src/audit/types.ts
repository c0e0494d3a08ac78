import type { Traits } from '../identity/index.ts'

/** Fields that every event has. `uid` makes storing idempotent. */
export interface EventBase {
  /** The original's event name, `kube.request` … */
  readonly event: string
  /** The original's code, `T3009I` … */
  readonly code: string
  /** RFC 3339 with milliseconds, UTC. */
  readonly time: string
  readonly uid: string
  /** The Teleport cluster. */
  readonly cluster_name: string
}

/** Who did it. */
export interface UserFields {
  readonly user: string
  readonly user_roles: readonly string[]
  readonly user_traits?: Traits
  readonly login?: string
}

/** Where it came from. */
export interface ConnectionFields {
  /** `ip:port`, as the service saw it or the gateway said. */
  readonly 'addr.remote': string
  readonly 'addr.local'?: string
  readonly proto?: 'kube' | 'api'
}

/**
 * One request to a Kubernetes API. A mutation is written twice under one `uid`: before it goes up, with
 * `response_code` 0 (`outcome: "started"`), and when it ended. The second replaces the first in the store;
 * when the process dies in between, the first stays, and says that the outcome is not known.
 */
export interface KubeRequestEvent extends EventBase, Partial<UserFields>, ConnectionFields {
  readonly event: 'kube.request'
  readonly code: 'T3009I' | 'T3009W'
  readonly kubernetes_cluster: string
  readonly kubernetes_labels: Readonly<Record<string, string>>
  /** The impersonated user and groups; absent when refused. */
  readonly kubernetes_users?: readonly string[]
  readonly kubernetes_groups?: readonly string[]
  readonly request_path: string
  /** The HTTP method, as the original has it. */
  readonly verb: string
  /** The Kubernetes verb: get, list, exec … */
  readonly kube_verb: string
  /** `core/v1`, `apps/v1`. */
  readonly resource_api_group: string
  readonly resource_namespace: string
  readonly resource_kind: string
  readonly resource_subresource: string
  readonly resource_name: string
  /** 0 while not known. */
  readonly response_code: number
  readonly outcome: 'started' | 'done' | 'denied' | 'failed' | 'aborted'
  /** Body bytes towards the client. */
  readonly bytes_sent: number
  /** Body bytes from the client. */
  readonly bytes_received: number
  readonly duration_ms: number
  /** Which rule decided, `role "dev" allow.kubernetes_labels`; null when nothing allowed it. */
  readonly decided_by: string | null
  /** Stable code of the refusal or failure, absent when all went well. */
  readonly error_code?: string
  readonly error?: string
  /** The host id of the kubernetes service that wrote it. */
  readonly server_id: string
  readonly user_agent?: string
}

/** Any event of the vocabulary in `codes.ts`; the extra fields are documented there. */
export interface GenericEvent extends EventBase, Partial<UserFields>, Partial<ConnectionFields> {
  readonly [field: string]: unknown
}

export type AuditEvent = KubeRequestEvent | GenericEvent

/**
 * An event as it is written and stored: its JSON, made once, and beside it what stores find it by. `encodeEvent` makes one of
 * any event.
 */
export interface EncodedEvent {
  readonly uid: string
  readonly time: string
  readonly event: string
  readonly user: string | null
  readonly kubeCluster: string | null
  /** False: a later event of the same uid says how it ended. */
  readonly final: boolean
  /** UTF-8. */
  readonly json: Buffer
}

/**
 * Writes events where a crash cannot lose them. `append` resolves once the event is in the spool file (write(2));
 * events of one turn of the event loop share one write. Rejects with AuditError SPOOL_FULL or SPOOL_UNWRITABLE:
 * the caller then answers 503, unless the administrator chose `best_effort`.
 */
export interface AuditLog {
  append(event: AuditEvent): Promise<void>
}

/** An audit log that takes events in their written form too, from whoever makes thousands a second. */
export interface EncodedAuditLog extends AuditLog {
  appendEncoded(event: EncodedEvent): Promise<void>
}

/** Where shipped events end up. Storing is idempotent by `uid`; a later event of the same `uid` replaces a `started` one. */
export interface AuditSink {
  store(events: readonly EncodedEvent[]): Promise<void>
}

export interface AuditQuery {
  readonly user?: string
  readonly kubeCluster?: string
  /** Event names. */
  readonly events?: readonly string[]
  /** RFC 3339; inclusive. */
  readonly from?: string
  /** RFC 3339; exclusive. */
  readonly to?: string
  readonly limit?: number
  /**
   * By time; or by arrival, for who follows the log: services deliver late, and not in order. Then `next` is never null, and
   * without `after` there are no events, but the cursor of what comes from now on.
   */
  readonly order?: 'asc' | 'desc' | 'arrival'
  /** Opaque, from the previous page of the same order. */
  readonly after?: string
}

export interface AuditPage {
  readonly events: readonly AuditEvent[]
  readonly next: string | null
}

/** The store's reading side. */
export interface AuditReader {
  search(query: AuditQuery): Promise<AuditPage>
}
