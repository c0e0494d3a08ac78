import { type DoorLimits, defaultDoorLimits } from '../tls/index.ts'

export interface ForwarderLimits extends DoorLimits {
  /** From the accepted socket to the end of the TLS handshake: two round trips, generously. */
  readonly handshakeTimeoutMs: number
  /** Connections that this service holds at once. */
  readonly maxConnections: number
  /** `kubectl exec -- sh -c <30 KB>` and 200 groups must pass; Node's default is 16 KiB. */
  readonly maxHeaderBytes: number
  /** Header lines of a request; 200 `--as-group` and what clients add. */
  readonly maxHeaderPairs: number
  /** For the head of a request to come whole. Bodies and responses have no time limit: watches, uploads, logs. */
  readonly headersTimeoutMs: number
  /** Of connections without a request, by either protocol. Go closes idle ones after 90 s; ours must not be faster, or pooled requests race with the close. */
  readonly keepAliveTimeoutMs: number
  /** Requests that one HTTP/2 connection may have open; kube-apiserver takes 250. */
  readonly maxConcurrentStreams: number
  /** The same for HTTP/1.1, where a request waits for the answers before its own. No client of Kubernetes does that. */
  readonly maxPipelinedRequests: number
  /** Requests that one user may have underway, over all connections; a watch costs up to 90 KB. More get 429. */
  readonly maxExchangesPerUser: number
  /** Sessions (exec, attach, port-forward) of all persons at once: an idle one takes some 200 KB, one that is stuck both ways a few megabytes. More get 503. */
  readonly maxSessions: number
  /** Of one person, whatever roles allow: nobody takes the places of all. More get 403. */
  readonly maxSessionsPerUser: number
  /**
   * Of bodies that one user sends and nobody has read yet, over all connections, and of what his requests that go on have in their heads beyond
   * 16 KiB. Each request with a body counts for what it may leave unread: its length, and no more than `streamWindowBytes`. More get 429.
   */
  readonly maxUnreadBytesPerUser: number
  /** Of less than 64 bytes each, in one body; with more it is broken off: each costs us much more than it holds. */
  readonly maxUnreadTinyPieces: number
  /** Memory of one HTTP/2 connection in MB; Node's 10 are used up by 151 stalled readers. */
  readonly maxSessionMemoryMb: number
  /** What a client may send on one stream before we take it; kube-apiserver says the same. */
  readonly streamWindowBytes: number
  /** Streams that a client may reset at once, and per second after that; Node's 1,000 and 33 end a session of `kubectl wait`s. */
  readonly streamResetBurst: number
  readonly streamResetRate: number
  /** The body of a refusal of an upgrade that is relayed; a Status has less than a kilobyte. */
  readonly maxUpgradeAnswerBytes: number
  /** How often it is looked whose time is over (expired certificates, idle clients, stale locks): an end may be so late. */
  readonly sweepIntervalMs: number
  /** For the API server to answer an upgrade: it dials the node and the container first. */
  readonly upgradeTimeoutMs: number
}

export const defaultForwarderLimits: ForwarderLimits = {
  ...defaultDoorLimits,
  handshakeTimeoutMs: 10_000,
  maxConnections: 20_000,
  maxHeaderBytes: 1024 * 1024,
  maxHeaderPairs: 2000,
  headersTimeoutMs: 60_000,
  keepAliveTimeoutMs: 180_000,
  maxConcurrentStreams: 1000,
  maxPipelinedRequests: 16,
  maxExchangesPerUser: 5000,
  maxSessions: 5000,
  maxSessionsPerUser: 2500,
  maxUnreadBytesPerUser: 64 * 1024 * 1024,
  maxUnreadTinyPieces: 2048,
  maxSessionMemoryMb: 64,
  streamWindowBytes: 256 * 1024,
  streamResetBurst: 10_000,
  streamResetRate: 1000,
  maxUpgradeAnswerBytes: 1024 * 1024,
  sweepIntervalMs: 1000,
  upgradeTimeoutMs: 60_000,
}

/** For connections that prove nobody: enough for one refusal in words, which is all that they get. */
export function strangersLimits(limits: ForwarderLimits): ForwarderLimits {
  const cap = (name: keyof typeof STRANGERS): number => Math.min(limits[name], STRANGERS[name])
  return {
    ...limits,
    maxHeaderBytes: cap('maxHeaderBytes'),
    headersTimeoutMs: cap('headersTimeoutMs'),
    keepAliveTimeoutMs: cap('keepAliveTimeoutMs'),
    maxConcurrentStreams: cap('maxConcurrentStreams'),
    maxSessionMemoryMb: cap('maxSessionMemoryMb'),
    streamWindowBytes: cap('streamWindowBytes'),
  }
}

const STRANGERS = {
  /** A long command line of a person whose certificate has expired still gets its answer. */
  maxHeaderBytes: 64 * 1024,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 10_000,
  /** Whoever has no answer yet has asked for a handful of things. */
  maxConcurrentStreams: 20,
  /** Node takes whole megabytes; these hold the heads of so many requests. */
  maxSessionMemoryMb: 2,
  streamWindowBytes: 64 * 1024,
} as const
