/**
 * member is what a process of ours is away from the auth service. It joins by a token, keeps its identity where a restart finds
 * it, renews it, and calls the auth service as who it is. It follows users, roles, locks and authorities, has certificates for
 * what it serves, is given the clusters that somebody wrote down for such as it, says how its clusters are, and delivers audit
 * events. What it needs to go on without the auth service lies in
 * its data directory.
 *
 * Trusts: an auth service that proved itself by a pinned authority, by the one that it joined under, or, without a pin, by the
 * one that a proxy with a trusted web certificate names; its own data directory for secrets. Refuses: to send a token or a key
 * to anybody else; the private key goes to nobody at all. A state that the host CA did not sign, that was altered, is of another
 * Teleport cluster or whose time is over, wherever it comes from.
 * Test: unit tests beside the code; processes without each other, and whole daemons, in test/integration/member.
 */
export { MemberError, type MemberErrorCode } from './errors.ts'
export { findWay } from './find-way.ts'
export { chooseStore } from './identity/choose-store.ts'
export { inCluster } from './identity/in-cluster.ts'
export { type IdentityOptions, openMemberIdentity } from './identity/open-identity.ts'
export { stateSecretName } from './identity/secret-store.ts'
export type { IdentityStore, MemberCertificate, MemberIdentity } from './identity/types.ts'
export { MemberApi } from './member-api.ts'
export type { MemberCall, MemberEndpoint } from './ports.ts'
export type { MemberRoute } from './route.ts'
export { MemberCertificates, type NamedCluster } from './serve/certificates.ts'
export { createRemoteRecordings } from './serve/deliver-recordings.ts'
export { type GivenCluster, MemberDynamicClusters } from './serve/dynamic-clusters.ts'
export { type BeatCluster, Heartbeats } from './serve/heartbeats.ts'
export { ProxyCertificate } from './serve/proxy-certificate.ts'
export { ProxyHeartbeats, type ProxyWord } from './serve/proxy-heartbeats.ts'
export { type LeaseRequest, SessionLeases } from './serve/session-leases.ts'
export {
  type EndsSessions,
  followSessionOrders,
} from './serve/session-orders.ts'
export { type LiveSession, type LiveSessionList, SessionReports } from './serve/session-reports.ts'
export { createRemoteSink } from './serve/ship-events.ts'
export { SnapshotError, type SnapshotErrorCode } from './state/errors.ts'
export { MemberAccess } from './state/follow-state.ts'
