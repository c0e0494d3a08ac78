/**
 * contract is what both ends of the management API speak: the table of endpoints, the schemas that validate requests,
 * and the types that servers and clients derive from them. The OpenAPI document is made from the same table.
 *
 * Trusts: nothing. Refuses: I/O and every import of another room, since the browser uses it too.
 */
export type { Endpoint } from './endpoint.ts'
export {
  ApiErrorBody,
  type BodyOf,
  buildPath,
  type EndpointName,
  endpoints,
  type ParamsOf,
  type QueryOf,
  type ResponseOf,
} from './endpoints.ts'
export {
  type HeartbeatRequest,
  type KubeHealth,
  MEMBER_CLUSTERS_MOST,
  MEMBER_EVENTS_BYTES,
  MEMBER_EVENTS_MOST,
  MEMBER_KUBECONFIGS_BYTES,
  MEMBER_STATE_CONTEXT,
  MEMBER_STATE_WAIT_MS,
  MemberState,
  MemberStatement,
  type ProxyHeartbeatRequest,
} from './member.ts'
export {
  RECORDING_CHUNK_BYTES,
  type RecordingEnd,
  type RecordingFacts,
  type RecordingResource,
} from './recordings.ts'
export {
  type AuditEventResource,
  type ClusterSettingsResource,
  ID_PATTERN,
  type InstanceResource,
  type KubeClusterResource,
  type KubeClusterWrite,
  type KubeMatchers,
  type KubeServerResource,
  type LockResource,
  Metadata,
  RESOURCE_NAME_PATTERN,
  type RoleResource,
  type TokenResource,
  type UserResource,
} from './resources.ts'
export {
  type ReportedSession,
  SESSION_LEASE_NAMES,
  SESSIONS_AT_ONCE,
  SESSIONS_BEAT_MS,
  SESSIONS_MOST,
  type SessionKind,
  type SessionResource,
  type SessionsReport,
  shortCommand,
} from './sessions.ts'
export { StatsSnapshot, type StreamCounts, type Traffic, type UserTraffic } from './stats.ts'
