import type { SecureContext } from 'node:tls'
import type { ClusterHealth } from '../../api/index.ts'

/** What a kubernetes service says of a cluster that it serves, each time anew. */
export interface ServedFacts extends ClusterHealth {
  readonly name: string
  /** The TLS server name under which clients reach it. */
  readonly serverName: string
  readonly labels: Readonly<Record<string, string>>
  readonly unknownLabels: readonly string[]
  /** It is served because of a kube_cluster resource. */
  readonly dynamic: boolean
}

/** A cluster that somebody wrote down, for a service that is to serve it. Holds a secret, so it is never logged. */
export interface DynamicCluster {
  readonly name: string
  /** Another at each change. */
  readonly revision: string
  readonly labels: Readonly<Record<string, string>>
  readonly kubeconfig: string
}

/** The dynamic clusters that a kubernetes service is to serve, as of now. */
export interface DynamicClusterSource {
  current(): readonly DynamicCluster[]
  /** Calls back after each change, until the returned function is called. */
  onChange(listener: () => void): () => void
}

/** Where a kubernetes service says what it serves: the registry of this process, or the auth service far away. */
export interface ClusterInventory {
  /** All that is served now. Rejects when the first word cannot be said and nothing works without it. */
  announce(clusters: readonly ServedFacts[]): Promise<void>
  /** Whether a name turned out to be another's when it was announced: then nobody is served under it. */
  isForeign?(name: string): boolean
  /** The service stops: nothing is served any more. */
  withdraw(): Promise<void>
}

/** Certificates of the host CA for the clusters of a kubernetes service. */
export interface KubeCertificates {
  /** Says which clusters are served, before somebody asks for one. */
  serve(
    clusters: readonly {
      readonly name: string
      readonly serverName: string
      readonly dynamic: boolean
    }[],
  ): Promise<void>
  /** Only asked for clusters that are served. Rejects when there is no certificate. */
  secureContext(serverName: string): Promise<SecureContext>
}
