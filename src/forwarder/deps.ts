import type { EncodedAuditLog, UnprovenEvents } from '../audit/index.ts'
import type { Clock, Logger } from '../core/index.ts'
import type { RequestOutcome } from './event.ts'
import type { ForwarderLimits } from './limits.ts'
import type { LiveExchanges } from './live.ts'
import type { AccessSnapshots, ServedCluster, SessionLeases, SessionRecorder } from './ports.ts'
import type { RefusalCode } from './refusal.ts'
import type { RememberedServers } from './remembered-servers.ts'
import type { SessionsHere } from './session/live-sessions.ts'
import type { LongCommands } from './session/long-commands.ts'
import type { StreamKind } from './stream-kind.ts'

/** What metrics may know of a request that was allowed. */
export interface MeasuredRequest {
  readonly exchange: { readonly method: string }
  readonly connection: { readonly cluster: { readonly name: string } }
  readonly user: string
  /** Null for a request that is answered and over. */
  readonly stream: StreamKind | null
  readonly startedMs: number
}

/**
 * What metrics hear of; names and labels are the daemon's. Each allowed request starts and ends once. The arguments are
 * objects that are there anyway, so that measuring makes none.
 */
export interface ForwarderMetrics {
  requestStarted(request: MeasuredRequest): void
  requestEnded(request: MeasuredRequest, outcome: RequestOutcome, durationMs: number): void
  /** A request that never was allowed. `cluster` is empty and `user` null while they are not known. */
  requestRefused(cluster: string, user: string | null, code: RefusalCode, status: number): void
}

/** What the handling of one request works with. */
export interface HandlerDeps {
  readonly access: AccessSnapshots
  /** Whether a cluster, to which a connection may have been bound long ago, is served still. */
  isServed(cluster: ServedCluster): boolean
  readonly audit: EncodedAuditLog
  /** For requests of peers who prove nothing. */
  readonly unproven: UnprovenEvents
  /** `best_effort`: a request is served even if its event cannot be written. */
  readonly auditMode: 'strict' | 'best_effort'
  readonly clusterName: string
  readonly hostId: string
  readonly clock: Clock
  readonly log: Logger
  readonly limits: ForwarderLimits
  readonly metrics: ForwarderMetrics | null
  readonly live: LiveExchanges
  /** Null: sessions are not recorded by this service. */
  readonly recorder: SessionRecorder | null
  /** For exec and attach. */
  readonly servers: RememberedServers
  /** For port-forward. */
  readonly tunnels: RememberedServers
  readonly longCommands: LongCommands
  readonly sessions: SessionsHere
  /** Null: each service counts for itself. */
  readonly leases: SessionLeases | null
}
