/**
 * forwarder is the data path of the kubernetes service: it ends the TLS, judges the certificate, reads the request, asks
 * the roles, audits, impersonates, and streams. The handler (handle.ts) is one function, top to bottom.
 *
 * Trusts: the TLS library for the proof of possession; the gateway for the client's address; the ports that the daemon
 * plugs in. Refuses, with an answer in words: everything that is not proven, not unambiguous, or not allowed. Nothing goes
 * up without our impersonation headers, and nothing takes effect before its audit event is in the spool.
 * It reaches neither storage nor authorities. Test: test/integration/forwarder.
 */
export type { ForwarderMetrics, MeasuredRequest } from './deps.ts'
export type { RequestOutcome } from './event.ts'
export { createForwarder, type Forwarder, type ForwarderOptions } from './forwarder.ts'
export { defaultForwarderLimits, type ForwarderLimits } from './limits.ts'
export type {
  AccessSnapshot,
  AccessSnapshots,
  PeerCertificate,
  PeerCertificateParser,
  PeerVerdict,
  PodFacts,
  RecordingPolicy,
  RecordOptions,
  ServedCluster,
  ServedClusters,
  SessionLeases,
  SessionRecord,
  SessionRecorder,
  UpgradeConnection,
  Upstream,
  UpstreamExchange,
  UpstreamFailure,
  UpstreamRequest,
  UpstreamSink,
} from './ports.ts'
export { answerOf, type Refusal, type RefusalCode } from './refusal.ts'
export type { EndedBy, LiveSession, LiveSessions } from './session/live-sessions.ts'
export type { StreamKind } from './stream-kind.ts'
export { createUndeliverable, type Undeliverable, type Undelivered } from './undeliverable.ts'
