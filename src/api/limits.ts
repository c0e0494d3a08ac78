import type { LockoutRules } from '../authn/index.ts'
import { MEMBER_MEMORY_MS } from '../join/index.ts'
import type { DoorLimits } from '../tls/index.ts'

/** Limits of the management API. */

/** Of the server itself; single ones are others in tests. */
export interface ServerLimits {
  /** A resource is a page of YAML; more is a mistake or an attack. */
  readonly maxBodyBytes: number
  /** Of whoever has no certificate: a name, a password, a key. */
  readonly maxStrangerBodyBytes: number
  /** A handshake that takes longer is a dead or a malicious peer. */
  readonly handshakeTimeoutMs: number
  /** Headers arrive in one packet; slow ones only hold a socket. */
  readonly headersTimeoutMs: number
  /** A whole request, body included; none of the endpoints takes an upload. */
  readonly requestTimeoutMs: number
  /** How often it is looked whose time is over. */
  readonly timeoutsCheckedMs: number
  /** Idle connections are kept so that `tctl audit tail` need not shake hands each second. */
  readonly keepAliveTimeoutMs: number
  /** Connections at once, over all peers. */
  readonly maxConnections: number
}

export const defaultServerLimits: ServerLimits = {
  maxBodyBytes: 1024 * 1024,
  maxStrangerBodyBytes: 16 * 1024,
  handshakeTimeoutMs: 10_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 60_000,
  timeoutsCheckedMs: 5000,
  keepAliveTimeoutMs: 120_000,
  maxConnections: 10_000,
}

/** People who log in prove nobody yet, for one answer each, and a whole office has one address; the greater part is left for who is proven. */
export const DOOR_LIMITS: Partial<DoorLimits> = {
  maxStrangers: 4000,
  maxStrangersPerAddress: 1000,
}
/** The life of a certificate when nobody says otherwise. */
export const DEFAULT_SESSION_TTL_MS = 12 * 60 * 60 * 1000
/** The longest life that a login may ask for when no role of the user says how long: the original's. */
export const MAX_LOGIN_TTL_MS = 30 * 60 * 60 * 1000
/** Shorter, and whoever may set it could erase what he did before anybody looks. */
export const MIN_AUDIT_RETENTION_MS = 24 * 60 * 60 * 1000
/** Items on a page when the caller does not say. */
export const DEFAULT_PAGE_ITEMS = 200
/** How often a service says that it serves its clusters, and how they are; at once when that changes. */
export const KUBE_CLUSTER_HEARTBEAT_MS = 5000
/** A proxy of another process that was silent for so long is no address for agents any more; one that stops says so. */
export const PROXY_MEMORY_MS = 10 * 60 * 1000
/** Its words that say nothing new are written this often. */
export const PROXY_WRITE_MS = 60_000
/** A cluster whose service was silent for longer is offline: lists tell the truth within 15 seconds. */
export const KUBE_CLUSTER_OFFLINE_MS = 14_000
/** Heartbeats that say nothing new are written this often: storage serves more than the clusters' pulse. */
export const KUBE_CLUSTER_WRITE_MS = 60_000
/** How long an offline cluster is remembered, so that its users hear "offline" and not "unknown". */
export const KUBE_CLUSTER_MEMORY_MS = 30 * 24 * 60 * 60 * 1000
/** What is told when more passwords come than can be hashed: the line is about a second long. */
export const HASHING_RETRY_MS = 3000
/** How long services go on by what they know while the auth service is away, unless the settings say otherwise. */
export const DEFAULT_OFFLINE_ACCESS_MS = 12 * 60 * 60 * 1000
/** Shorter, and a restart of the auth service would end access everywhere. */
export const MIN_OFFLINE_ACCESS_MS = 10 * 60 * 1000
/** Longer, and certificates, which live twice as long, would outlive what is known of removed services. */
export const MAX_OFFLINE_ACCESS_MS = MEMBER_MEMORY_MS / 2
/** A statement about the state is signed anew when it is older: all services share it in between. */
export const STATEMENT_MAX_AGE_MS = 5000
/** Changes that follow on each other are told together; the first of them at once. */
export const STATE_GATHER_MS = 100
/** Calls of one service that wait for news; one more, and the oldest is answered. */
export const MAX_STATE_WAITERS_PER_MEMBER = 4
/**
 * The life of a service's certificate for a cluster, at least; services renew at half of it. Twice as long as they may go on
 * without us, and no longer: so long does a name count that was taken away from a service which does not obey.
 */
export const MIN_SERVER_CERTIFICATE_TTL_MS = 24 * 60 * 60 * 1000
/**
 * One address that brings join tokens which are none. Tokens cannot be guessed; this keeps agents with an old one, which try for
 * ever, from being a load. A cluster's agents may share an address, so it forgets soon.
 */
export const JOIN_LOCKOUT: LockoutRules = {
  freeFailures: 10,
  firstWaitMs: 2000,
  lastWaitMs: 60_000,
  forgetMs: 10_000,
}
/** Before dynamic clusters are read anew when storage did not tell their changes. */
export const DYNAMIC_RETRY_MS = 1000
/** Node takes longer timers for none at all. */
export const LONGEST_TIMER_MS = 24 * 60 * 60 * 1000
/** A recording of which nothing came for so long is not live: services that record say so every minute. */
export const RECORDING_SILENT_MS = 3 * 60 * 1000
/** Of a session whose end nobody told: a service that was away for so long is not expected to bring the rest of it any more. */
export const INCOMPLETE_KEPT_MS = 7 * 24 * 60 * 60 * 1000
/** Old recordings that are looked at in a round, of which there is one a minute: a million a day. */
export const RECORDINGS_LOOKED_AT = 1000
/** Removed side by side: the disk is for those who come and look, too. */
export const EXPIRED_AT_ONCE = 4
/** Who reads a recording chunk by chunk reads it once: so long is one event enough, unless he begins anew. */
export const RECORDING_READ_MS = 15 * 60 * 1000
/** Readings that are remembered; of more, the oldest is told once more. */
export const RECORDING_READERS = 10_000
/** A service's clock may be ahead by so much; a session of the far future would stand above all others for ever. */
export const RECORDING_AHEAD_MS = 60 * 60 * 1000
/** A link to a recording is opened at once, by whoever made it. */
export const RECORDING_LINK_MS = 5 * 60_000
/** What it opens: as long as one looks at a recording, and no longer. */
export const RECORDING_VIEW_MS = 30 * 60_000
/** Sessions of a service that was silent for longer are forgotten: six words missed. It may have been killed, and they with it. */
export const SESSIONS_SILENT_MS = 30_000
/** A person's place is kept this long for a session that no service told yet: the API server may be slow to begin it. */
export const SESSION_LEASE_MS = 15_000
/** How long it is waited for a service to end a session, before whoever wanted it is told that it did not answer. */
export const SESSION_END_WAIT_MS = 5000
/** How long a service that is not reached is still to hear that it must end a session. */
export const SESSION_ORDER_MS = 10 * 60 * 1000
/** Orders that wait for one service; of more, the oldest is dropped. */
export const SESSION_ORDERS_MOST = 10_000
/** Orders in one answer. */
export const SESSION_ORDERS_AT_ONCE = 500
