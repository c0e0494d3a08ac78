import type { Duplex, Readable } from 'node:stream'
import type { Lock, Subject } from '../authz/index.ts'
import type { Identity, UserIdentity } from '../identity/index.ts'
import type { SessionFacts } from '../recording/index.ts'

/** The verdict on a peer's certificate at one moment. */
export type PeerVerdict =
  | { readonly ok: true; readonly identity: Identity; readonly expiresAtMs: number }
  | { readonly ok: false; readonly code: PeerRefusalCode; readonly message: string }

export type PeerRefusalCode =
  | 'CERT_MISSING'
  | 'CERT_MALFORMED'
  | 'CERT_EXPIRED'
  | 'CERT_NOT_YET_VALID'
  | 'CERT_UNKNOWN_AUTHORITY'
  | 'CERT_WRONG_USAGE'
  | 'CERT_WRONG_KIND'
  | 'CERT_WRONG_CLUSTER'
  | 'CERT_REVOKED'

/** A peer certificate, parsed once per connection and judged on every request against today's CAs. */
export interface PeerCertificate {
  judge(nowMs: number): PeerVerdict
}

/** Parses what the TLS handshake proved possession of; null when the client sent nothing. Never throws. */
export interface PeerCertificateParser {
  parse(der: Uint8Array | null): PeerCertificate
}

/** What roles and locks say today. One immutable value per change; `revision` grows. */
export interface AccessSnapshot {
  readonly revision: number
  /** The person as of now: the certificate's roles and traits that the user still has. Null: the user is gone. */
  subject(identity: UserIdentity): Subject | null
  /** The lock that is in force against the certificate's holder, by name or by a role of today or of the certificate. */
  lockOf(identity: UserIdentity, nowMs: number): Lock | null
}

export interface AccessSnapshots {
  current(): AccessSnapshot
  /**
   * How old what is known of locks is, in milliseconds; 0 while each change is heard of. Roles with `lock: strict` are
   * refused beyond MAX_LOCKS_AGE_MS of authz (five minutes).
   */
  locksAgeMs(nowMs: number): number
  /** Since when nothing was heard, when that is too long ago to decide anything by it; null while it is not. */
  tooOldSinceMs(nowMs: number): number | null
  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void
}

/** One Kubernetes cluster that this service stands next to. */
export interface ServedCluster {
  readonly name: string
  /** The opaque TLS server name under which clients reach it. */
  readonly serverName: string
  /** Static and command labels, as of now. A new object when they change. */
  labels(): Readonly<Record<string, string>>
  /** Labels whose command has given no value yet; `labels()` is a new object when they change. */
  unknownLabels(): readonly string[]
  readonly upstream: Upstream
}

/** The clusters of this service, by TLS server name. One that is served no more, or is another one now, ends what is underway there. */
export interface ServedClusters {
  byServerName(serverName: string): ServedCluster | null
}

export interface UpstreamRequest {
  /** For whom: one user's requests never take all places. */
  readonly user: string
  readonly method: string
  /** Path and query exactly as they came, to be appended to the API server's base path. */
  readonly target: string
  /** Alternating names and values, already cleaned and with our impersonation; without Authorization and Host. */
  readonly headers: readonly string[]
  readonly body: Readable | null
  /** Long-lived responses go over shared HTTP/2 connections. */
  readonly longRunning: boolean
}

/** Called in order: `head` once, `data` any number of times, then `end`; `error` instead at any point, once. */
export interface UpstreamSink {
  /** `headers` alternates names and values. */
  head(status: number, headers: readonly string[]): void
  /**
   * The chunk is the caller's again when this has returned: what is kept is copied. False: pause until `resume()`.
   */
  data(chunk: Buffer): boolean
  end(): void
  error(error: UpstreamFailure): void
}

export interface UpstreamFailure {
  /**
   * UPSTREAM_BUSY: too many requests wait already. UPSTREAM_UNREACHABLE: no connection, the request did not arrive.
   * UPSTREAM_TLS: the server is not who the kubeconfig says. UPSTREAM_CREDENTIALS: the exec plugin or token file failed.
   * UPSTREAM_RESET: broken underway.
   */
  readonly code:
    | 'UPSTREAM_BUSY'
    | 'UPSTREAM_UNREACHABLE'
    | 'UPSTREAM_TLS'
    | 'UPSTREAM_CREDENTIALS'
    | 'UPSTREAM_RESET'
    | 'ABORTED'
  readonly message: string
  readonly cause?: unknown
}

export interface UpstreamExchange {
  resume(): void
  abort(): void
}

/** A kube-apiserver behind pooled connections, with credentials of its own. */
export interface Upstream {
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamExchange
  /** A connection for one upgrade, never reused. Rejects with an UpstreamFailure. */
  dialForUpgrade(signal: AbortSignal): Promise<UpgradeConnection>
  /** Where a pod runs and what in it, as far as it is told soon; null when it is not. Never rejects. */
  describePod(namespace: string, name: string): Promise<PodFacts | null>
}

export interface PodFacts {
  readonly node: string
  /** By the names of its containers, ephemeral ones too. */
  readonly images: ReadonlyMap<string, string>
  /** Where a command runs that names none. */
  readonly defaultContainer: string
}

/** A limit on sessions that holds for all services of the Teleport cluster together (`max_kubernetes_connections`). */
export interface SessionLeases {
  /**
   * Whether the person may begin one more session; `here` are those of this service. Never rejects: while the auth service is away, the
   * sessions of this service count.
   */
  acquire(lease: {
    readonly sessionId: string
    readonly user: string
    readonly max: number
    readonly here: number
  }): Promise<boolean>
  /** A session, whether or not it was asked for, is over or did not begin: its place is free. */
  release(sessionId: string): void
}

export interface UpgradeConnection {
  readonly socket: Duplex
  /** The `Host` header's value. */
  readonly host: string
  /** `''` or `/k8s/clusters/c-1`. */
  readonly basePath: string
  /** The `Authorization` header's value, or null when the TLS certificate is the credential. */
  readonly authorization: string | null
  /** Says that the API server did not accept the credential (401), so that the next one is a new one. */
  refused(): void
}

/** Where sessions are recorded. */
export interface SessionRecorder {
  /** What holds for every session of this Teleport cluster, whatever roles say. */
  policy(): RecordingPolicy
  /**
   * Begins a record. Rejects when nothing can be recorded now (no room, spool not writable). Where nothing is recorded at all, the
   * record that is begun keeps nothing.
   */
  begin(facts: SessionFacts, options: RecordOptions): Promise<SessionRecord>
}

export interface RecordingPolicy {
  /** False: sessions are not recorded. */
  readonly records: boolean
  /** Every session is recorded or does not take place; else roles say so (`record_session`). */
  readonly strict: boolean
}

export interface RecordOptions {
  /** Without a terminal: bytes kept of each stream. The recorder's own limit counts when absent. */
  readonly keepBytes?: number
  /**
   * Whether what the person types or sends is kept. Without it stdin is given all the same: of a `kubectl cp` the list of files
   * is kept, and nothing else.
   */
  readonly keepStdin?: boolean
  /** Once, when the record cannot go on: under `strict` the session ends, under `best_effort` the gap is audited. */
  readonly onFailed: (error: Error) => void
  /** There is room again after a call said false. */
  readonly onDrain: () => void
}

export interface SessionRecord {
  /** False: wait for onDrain before more is read. Never throws. The bytes are lent for as long as the call takes. */
  data(stream: 'stdin' | 'stdout' | 'stderr', data: Buffer): boolean
  resize(size: { readonly width: number; readonly height: number }): void
  marker(label: string): void
  /** Seals the record. Resolves when it lies safely in the spool (the upload goes on by itself). */
  end(end: { readonly exitCode: number | null; readonly reason: string }): Promise<void>
  /** Its session did not begin: nothing of it is kept. True: something of it is on its way already, and the record ends as `refused`. */
  discard(): boolean
}
