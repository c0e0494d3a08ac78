/**
 * authz decides: which clusters a person reaches, who the person is there, and which endpoints of the management API are
 * open, and who is locked out. It is pure: no clock, no storage, no network.
 *
 * Trusts: that the identity was proven (ca) and the request parsed (kube). Refuses: to guess. Deny wins over allow, in
 * whatever order roles come; no rule at all means deny; a role that asks for a restriction that is not enforced cannot
 * be parsed. Test: tables per matcher, and properties (a deny never widens, order is irrelevant).
 */
export {
  type AccessView,
  accessView,
  lockOf,
  storedRole,
  type UserRecord,
} from './access-view.ts'
export { type Bar, type BarCode, barOf, optionRule } from './bar.ts'
export { clusterAccess } from './cluster-access.ts'
export { type ClusterMatcher, type ClusterMatchers, clusterMatchers } from './cluster-matchers.ts'
export { type ApiDecision, decideApi } from './decide-api.ts'
export { decideRequest } from './decide-request.ts'
export { AuthzError, type AuthzErrorCode } from './errors.ts'
export {
  describeLock,
  type Lock,
  type LockFacts,
  lockFrom,
  lockTable,
  lockWords,
  serverLockWords,
} from './locks.ts'
export { parseRole } from './parse-role.ts'
export { type PresetRole, presetRoles } from './presets.ts'
export { describeRule } from './rule-ref.ts'
export { sessionOptions } from './session-options.ts'
export { sessionTtl } from './session-ttl.ts'
export { expandTemplate } from './template.ts'
export type {
  ApiRule,
  ClusterAccess,
  Denial,
  DenialCode,
  KubeClusterRef,
  LabelSelector,
  LockMode,
  Principals,
  RequestDecision,
  Role,
  RoleAllow,
  RoleDeny,
  RoleOptions,
  RoleVersion,
  RuleRef,
  SessionOptions,
  Subject,
} from './types.ts'
