import type { ClusterAccess, Subject } from '../authz/index.ts'
import { clusterAccess } from '../authz/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import type { ConnectionOrigin } from '../tls/index.ts'
import type { AccessSnapshot, PeerCertificate, ServedCluster } from './ports.ts'

/**
 * What is bound to one TLS connection: the peer's certificate, the origin, and the cluster that the server name chose.
 * No header of a request changes any of them.
 */
export class Connection {
  readonly peer: PeerCertificate
  readonly origin: ConnectionOrigin
  readonly cluster: ServedCluster
  #cached: {
    snapshot: AccessSnapshot
    labels: Readonly<Record<string, string>>
    subject: Subject | null
    access: ClusterAccess | null
  } | null = null

  constructor(peer: PeerCertificate, origin: ConnectionOrigin, cluster: ServedCluster) {
    this.peer = peer
    this.origin = origin
    this.cluster = cluster
  }

  /** What the person may be in the cluster, as of a snapshot; null when the person is gone. */
  accessOf(
    identity: UserIdentity,
    snapshot: AccessSnapshot,
  ): { subject: Subject; access: ClusterAccess } | null {
    const labels = this.cluster.labels()
    let cached = this.#cached
    if (cached?.snapshot !== snapshot || cached.labels !== labels) {
      const subject = snapshot.subject(identity)
      cached = {
        snapshot,
        labels,
        subject,
        access:
          subject === null ? null : clusterAccess(subject, { name: this.cluster.name, labels }),
      }
      this.#cached = cached
    }
    const { subject, access } = cached
    return subject === null || access === null ? null : { subject, access }
  }
}
