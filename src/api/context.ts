import type { AuditLog, AuditReader, AuditSink } from '../audit/index.ts'
import type { LocalUsers } from '../authn/index.ts'
import type { Authorities, PeerCertificateParser } from '../ca/index.ts'
import type { StatsSnapshot } from '../contract/index.ts'
import type { Clock, Logger } from '../core/index.ts'
import type { HostIdentity, Identity, UserIdentity } from '../identity/index.ts'
import type { Member as JoinedMember, JoinTokens, KubeNames, Members } from '../join/index.ts'
import type { RecordingSettings, RecordingStore } from '../recordings/index.ts'
import type { AccessState } from './access-state.ts'
import type { DynamicKubeClusters } from './kube/dynamic-clusters.ts'
import type { KubeClusterRegistry } from './kube-clusters.ts'
import type { ServerLimits } from './limits.ts'
import type { Membership } from './member/ports.ts'
import type { ProxyRegistry } from './proxies.ts'
import type { ViewTickets } from './recordings/view-tickets.ts'
import type { SessionRegistry } from './sessions/registry.ts'
import type { Stores } from './stores.ts'

/** Everything that the handlers work with; the daemon plugs it in. */
export interface ApiDeps {
  readonly clusterName: string
  readonly version: string
  /** host:port that Kubernetes clients are told; null when this cluster has no Kubernetes door. */
  readonly kubeAddress: () => string | null
  readonly stores: Stores
  readonly access: AccessState
  readonly authorities: Authorities
  readonly localUsers: LocalUsers
  /** off: a password alone; otp and on: a password and a one-time code. */
  readonly secondFactor: 'off' | 'otp' | 'on'
  /** Where browsers find this cluster, `https://proxy.example.com:3080`; null when nowhere. */
  readonly webUrl: string | null
  readonly peers: PeerCertificateParser
  readonly kubeClusters: KubeClusterRegistry
  readonly dynamicClusters: DynamicKubeClusters
  readonly joining: Joining
  readonly audit: AuditLog
  readonly events: AuditReader
  /** Where events of other processes go. */
  readonly eventSink: AuditSink
  readonly membership: Membership
  /** Where recordings of sessions are kept. */
  readonly recordings: RecordingStore
  /** How sessions are recorded, everywhere in the Teleport cluster. */
  readonly recordingSettings: RecordingSettings
  /** Links to recordings, and what they open in browsers. */
  readonly viewTickets: ViewTickets
  /** Which sessions go on at which service. */
  readonly sessions: SessionRegistry
  /** Where members find the proxies of this Teleport cluster, as far as the configuration of this process says. */
  readonly ownProxies: readonly ProxyPlace[]
  /** Those of other processes, by their own word. */
  readonly proxies: ProxyRegistry
  readonly stats: StatsReader
  readonly clock: Clock
  readonly log: Logger
  readonly limits?: Partial<ServerLimits>
}

/** An address at which agents find a proxy. */
export interface ProxyPlace {
  readonly host: string
  readonly port: number
  /** Who answers there, where it is known. */
  readonly hostId?: string
}

/** The live numbers of the process; `known` are the clusters of the registry. */
export interface StatsReader {
  read(known: readonly { readonly name: string; readonly online: boolean }[]): StatsSnapshot
}

/** Who calls, and from where. */
export interface Caller {
  readonly identity: Identity
  /** How the caller is named in audit events. */
  readonly user: string
  readonly roles: readonly string[]
  /** `ip:port`. */
  readonly address: string
  /** When the certificate of this call ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** A user with a certificate. */
export interface Person extends Caller {
  readonly identity: UserIdentity
}

/** A service of ours in another process, which joined and is one of us still. */
export interface Member extends Caller {
  readonly identity: HostIdentity
  /** What was entered when it joined. */
  readonly record: JoinedMember
}

/** Who becomes a member, and where it is told that we are. */
export interface Joining {
  readonly tokens: JoinTokens
  readonly members: Members
  readonly names: KubeNames
  /** Of this process, which nobody else may have. */
  readonly ownHostId: string
  /** `host:port` of the web port and of the auth service, for instructions; null: there is none. */
  readonly proxyAddress: () => string | null
  readonly authAddress: string | null
}

/** Somebody who proved nothing yet. In audit events nobody is named. */
export interface Stranger {
  readonly user: ''
  readonly roles: readonly []
  /** `ip:port`. */
  readonly address: string
}

export const strangerFrom = (address: string): Stranger => ({ user: '', roles: [], address })
