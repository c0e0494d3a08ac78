import type { Principals, SessionOptions } from '../authz/index.ts'
import type { RequestInfo } from '../kube/index.ts'
import type { Connection } from './connection.ts'
import type { RequestEvents } from './event.ts'
import type { ClientExchange } from './exchange.ts'
import type { Refusal } from './refusal.ts'
import type { StreamKind } from './stream-kind.ts'

/** A request that may go up, with everything that the two ways out need. */
export interface AllowedRequest {
  readonly exchange: ClientExchange
  /** Path and query, without the path that kubeconfigs give the cluster. */
  readonly target: string
  readonly connection: Connection
  /** Who sent it. */
  readonly user: string
  /** As whom it goes up. */
  readonly principals: Principals
  /** What the person's roles said of sessions when it came. */
  readonly options: SessionOptions
  readonly info: RequestInfo
  /** Null for a request that is answered and over. */
  readonly stream: StreamKind | null
  readonly headers: readonly string[]
  readonly events: RequestEvents
  /** False for discovery: it is not audited when it is allowed. */
  readonly audited: boolean
  readonly startedMs: number
  /** Null while the person may still do this; else why not. Asked again whenever something changed. */
  withdrawn(): Refusal | null
  /** Null while its time is not over; else why it ends. `heardMs` is when its client was last heard. */
  overdue(nowMs: number, heardMs: number): Refusal | null
}
