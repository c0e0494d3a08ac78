import type { AuditLog, UnprovenEvents } from '../audit/index.ts'
import type { Clock, Logger } from '../core/index.ts'
import type { ForwarderLimits } from './limits.ts'
import type { LiveExchanges } from './live.ts'
import type { AccessSnapshots } from './ports.ts'

/** What metrics hear of; names and labels are the daemon's. */
export interface ForwarderMetrics {
  requestStarted(): void
  requestEnded(facts: {
    readonly method: string
    readonly status: number
    readonly durationMs: number
    readonly bytesSent: number
  }): void
}

/** What the handling of one request works with. */
export interface HandlerDeps {
  readonly access: AccessSnapshots
  readonly audit: AuditLog
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
}
