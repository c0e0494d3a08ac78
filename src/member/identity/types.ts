import type { HostService } from '../../identity/index.ts'

/** What a member is; renewed underneath. Others only read it. */
export interface MemberIdentity {
  readonly hostId: string
  readonly teleportCluster: string
  readonly services: readonly HostService[]
  /** Of the token with which it joined. */
  readonly labels: Readonly<Record<string, string>>
  /** Of this moment; another object after each change. */
  current(): MemberCertificate
  /** Calls back after each change of `current()`, until the returned function is called. */
  onChange(listener: () => void): () => void
}

export interface MemberCertificate {
  readonly certificatePem: string
  readonly privateKeyPem: string
  /** The authorities that vouch for our servers, PEM. */
  readonly hostCaPem: string
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number
}

/** All that is kept of an identity, in a private file or a Secret. */
export interface StoredIdentity extends MemberCertificate {
  readonly hostId: string
  readonly teleportCluster: string
  readonly services: readonly HostService[]
  readonly labels: Readonly<Record<string, string>>
  /** When the certificate began to count, milliseconds since the epoch. */
  readonly issuedAtMs: number
}

/** Where an identity outlives the process. */
export interface IdentityStore {
  /** For log lines and errors: a path, or a Secret's name. */
  readonly place: string
  /** Null: nothing is kept. Rejects with MemberError. */
  load(): Promise<string | null>
  /** Whole or not at all. Rejects with MemberError. */
  save(text: string): Promise<void>
}
