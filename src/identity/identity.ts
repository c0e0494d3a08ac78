/** Attributes of a user: those of the local user record, or the claims of an identity provider. */
export type Traits = Readonly<Record<string, readonly string[]>>

/** How the certificate came to be: by login, or written to a file by an administrator (`tctl auth sign`). */
export type LoginKind = 'local' | 'signed'

/** A person or a robot. Signed by the user CA. */
export interface UserIdentity {
  readonly kind: 'user'
  /** The Teleport cluster that issued it. */
  readonly teleportCluster: string
  readonly user: string
  readonly roles: readonly string[]
  readonly traits: Traits
  readonly login: LoginKind
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number
  /** The only address that may use the certificate, or null. */
  readonly pinnedAddress: string | null
}

/** A service of this Teleport cluster. Signed by the host CA. */
export interface HostIdentity {
  readonly kind: 'host'
  readonly teleportCluster: string
  readonly hostId: string
  readonly services: readonly HostService[]
}
export type HostService = 'auth' | 'proxy' | 'kube'

/** The administrator of the machine that runs the auth service (`tctl -c teleport.yaml`). Signed by the host CA. */
export interface AdminIdentity {
  readonly kind: 'admin'
  readonly teleportCluster: string
  readonly hostId: string
}

export type Identity = UserIdentity | HostIdentity | AdminIdentity
