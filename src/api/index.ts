/**
 * api answers the management API: it proves the caller by client certificate, asks the caller's roles whether they
 * open the endpoint, validates, does, and audits. It owns the stored resources and their live view. What comes before a
 * certificate is open to anyone: logging in, and links with which users set their passwords.
 *
 * Trusts: that a socket's peer certificate was proven by TLS; the storage and the authorities that it is given.
 * Refuses: a caller without a valid certificate (401), every endpoint whose rule the caller's roles do not hold (403,
 * audited), an endpoint that has neither rules nor is open on purpose, unknown fields, and roles that ask for a restriction
 * that is not enforced; kubeconfigs that would reach into the machine of who uses them; to show a kubeconfig to who may not
 * replace it, or to give one to a service whose join token does not allow it. Whoever cannot log in hears the same, whatever was wrong.
 * Test: test/integration/api walks the contract's table, so a new endpoint is tested before it is written.
 */
export { type AccessSnapshot, AccessState } from './access-state.ts'
export type { ApiDeps, Caller, Joining, ProxyPlace, StatsReader } from './context.ts'
export { ApiError, type ApiErrorCode } from './errors.ts'
export { type DynamicCluster, DynamicKubeClusters } from './kube/dynamic-clusters.ts'
export {
  type Announcement,
  type ClusterHealth,
  type KubeClusterRecord,
  KubeClusterRegistry,
  type KubeClusterStatus,
} from './kube-clusters.ts'
export { KUBE_CLUSTER_HEARTBEAT_MS, type ServerLimits } from './limits.ts'
export { type ApiListener, createApiListener } from './listener.ts'
export type { Membership } from './member/ports.ts'
export { ensurePresets } from './presets.ts'
export { type ProxyAddresses, type ProxyRecord, ProxyRegistry } from './proxies.ts'
export { RecordingExpiry } from './recordings/expiry.ts'
export { createRecordingIntake } from './recordings/intake.ts'
export { ViewTickets } from './recordings/view-tickets.ts'
export { type ApiServer, createApiServer } from './server.ts'
export type { EndedBy, LiveSession, LocalSessions } from './sessions/ports.ts'
export { type KnownSession, SessionRegistry } from './sessions/registry.ts'
export { openStores, ResourceStore, type Stores } from './stores.ts'
export type { StrangerAnswer, StrangerCall, StrangerPort } from './stranger-port.ts'
