import type { Duplex, Readable } from 'node:stream'

/**
 * The shapes that the data path asks for. They equal those of the forwarder's ports (a type-level test says so); the
 * forwarder is not imported, so that the arrows between rooms point one way.
 */
export interface UpstreamRequest {
  /** For whom: one user's requests never take all places. */
  readonly user: string
  readonly method: string
  /** Path and query exactly as they came, to be appended to the API server's base path. */
  readonly target: string
  /** Alternating names and values, already cleaned and with our impersonation; without Authorization and Host. */
  readonly headers: readonly string[]
  /**
   * Read with back-pressure. Never destroyed here: when the response ends before the body was taken, reading stops, and
   * what happens to the rest is the caller's choice.
   */
  readonly body: Readable | null
  /** Long-lived responses go over shared HTTP/2 connections. */
  readonly longRunning: boolean
}

/**
 * Called in order: `head` once, `data` any number of times, then `end`; `error` instead at any point, once. Never called
 * before `send` has returned.
 */
export interface UpstreamSink {
  /** `headers` alternates names and values. */
  head(status: number, headers: readonly string[]): void
  /**
   * The chunk is the caller's again when this has returned: what is kept is copied. False: pause until `resume()`. A little
   * that was already underway may still come.
   */
  data(chunk: Buffer): boolean
  end(): void
  error(error: UpstreamFailure): void
}

export interface UpstreamFailure {
  readonly code: UpstreamFailureCode
  readonly message: string
  readonly cause?: unknown
}

/**
 * UPSTREAM_BUSY: too many requests wait already. UPSTREAM_UNREACHABLE: no connection, the request did not arrive.
 * UPSTREAM_TLS: the server is not who the
 * kubeconfig says. UPSTREAM_CREDENTIALS: the exec plugin or token file failed. UPSTREAM_RESET: broken underway.
 * ABORTED: the caller called `abort()`, or the request body failed.
 */
export type UpstreamFailureCode =
  | 'UPSTREAM_BUSY'
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_TLS'
  | 'UPSTREAM_CREDENTIALS'
  | 'UPSTREAM_RESET'
  | 'ABORTED'

export interface UpstreamExchange {
  resume(): void
  /** Cancels the request at the API server too. The sink hears `error` ABORTED at once, and then nothing. */
  abort(): void
}

/** A kube-apiserver behind pooled connections, with credentials of its own. */
export interface Upstream {
  send(request: UpstreamRequest, sink: UpstreamSink): UpstreamExchange
  /** A connection for one upgrade, never reused. Rejects with an UpstreamFailure. */
  dialForUpgrade(signal: AbortSignal): Promise<UpgradeConnection>
  /** Where a pod runs and what in it, as far as it is told within a second; null when it is not. Never rejects. */
  describePod(namespace: string, name: string): Promise<PodFacts | null>
}

export interface PodFacts {
  readonly node: string
  /** By the names of its containers, ephemeral ones too. */
  readonly images: ReadonlyMap<string, string>
  /** Where a command runs that names none. */
  readonly defaultContainer: string
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
