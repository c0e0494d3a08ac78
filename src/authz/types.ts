import type { Traits } from '../identity/index.ts'
import type { Pattern } from './pattern.ts'
import type { Template } from './template.ts'

export type RoleVersion = 'v3' | 'v4' | 'v5' | 'v6' | 'v7' | 'v8'

/** One API rule: `{resources: [role], verbs: [list, read]}`. `*` matches every resource or verb. */
export interface ApiRule {
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/** The label selector of a role. All names must match, each with one of its patterns; none at all matches nothing. */
export type LabelSelector = readonly {
  readonly name: string
  readonly patterns: readonly Pattern[]
}[]

/** What a role gives. Templates are read, not yet expanded. */
export interface RoleAllow {
  readonly kubernetesGroups: readonly Template[]
  readonly kubernetesUsers: readonly Template[]
  readonly kubernetesLabels: LabelSelector
  readonly rules: readonly ApiRule[]
}

/** What a role takes away, wherever it came from. */
export interface RoleDeny {
  readonly kubernetesGroups: readonly Pattern[]
  readonly kubernetesUsers: readonly Pattern[]
  readonly kubernetesLabels: LabelSelector
  readonly rules: readonly ApiRule[]
}

/** Of locks: `strict` serves nothing while it is not known which of them are in force. */
export type LockMode = 'strict' | 'best_effort'

/** What holds for sessions of whoever has the role. Restrictions only: what a role does not say restricts nothing. */
export interface RoleOptions {
  /** Milliseconds; null when the role does not say. */
  readonly maxSessionTtlMs: number | null
  /** Milliseconds; null when the role does not say, or says never. */
  readonly clientIdleTimeoutMs: number | null
  readonly disconnectExpiredCert: boolean
  readonly pinSourceIp: boolean
  readonly lock: LockMode
  /** `strict`: a session that cannot be recorded does not take place, or ends. */
  readonly recordSession: LockMode
  /** What the person types and sends is recorded, too. */
  readonly recordStdin: boolean
  /** Sessions of the person at once, in all clusters together; null when the role does not say. */
  readonly maxKubernetesConnections: number | null
}

/** What holds for a session, over all roles of the person. `max_session_ttl` is not here: it bounds certificates. */
export type SessionOptions = Omit<RoleOptions, 'maxSessionTtlMs'>

/** A role, read and compiled. `parseRole` is the only maker. */
export interface Role {
  readonly name: string
  readonly version: RoleVersion
  readonly options: RoleOptions
  readonly allow: RoleAllow
  readonly deny: RoleDeny
}

/** Which rule decided: `role "dev" allow.kubernetes_labels`. */
export interface RuleRef {
  readonly role: string
  readonly effect: 'allow' | 'deny' | 'options'
  readonly field: string
}

/** Who asks, after the certificate was held against today's user record (see `effectiveSubject`). */
export interface Subject {
  readonly user: string
  readonly roles: readonly Role[]
  /** What allow templates are expanded with. */
  readonly traits: Traits
  /** What deny templates are expanded with: more than `traits`, never less. */
  readonly denyTraits: Traits
}

export interface KubeClusterRef {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Labels that the cluster has, with values that nobody knows at present. They are not in `labels`. */
  readonly unknownLabels: readonly string[]
}

/** What a subject may be on one cluster, computed once per (subject, cluster, snapshot). */
export type ClusterAccess =
  | {
      readonly effect: 'allow'
      readonly by: RuleRef
      /** Kubernetes users that may be impersonated; never empty. */
      readonly users: readonly string[]
      /** Who the person is without choosing (`--as`): the only user, or himself when he is among several; else null. */
      readonly defaultUser: string | null
      readonly groups: readonly string[]
      /** Of those users that are ServiceAccounts: the groups that Kubernetes gives them, less what deny takes. */
      readonly accountGroups: ReadonlyMap<string, readonly string[]>
    }
  | Denial

export type DenialCode =
  | 'CLUSTER_DENIED'
  | 'NO_KUBERNETES_PRINCIPALS'
  | 'IMPERSONATION_DENIED'
  | 'IMPERSONATION_AMBIGUOUS'
  | 'IMPERSONATION_UNSUPPORTED'

export interface Denial {
  readonly effect: 'deny'
  /** The deny rule, or null when nothing allowed it. */
  readonly by: RuleRef | null
  readonly code: DenialCode
  /** For the person, with the next step; reveals nothing that the person may not know. */
  readonly message: string
}

/** The principals that go upstream. */
export interface Principals {
  readonly user: string
  /** With `system:authenticated`, without duplicates. */
  readonly groups: readonly string[]
}

export type RequestDecision =
  | { readonly effect: 'allow'; readonly by: RuleRef; readonly principals: Principals }
  | Denial
