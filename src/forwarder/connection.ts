import {
  type ClusterAccess,
  clusterAccess,
  decideRequest,
  type RequestDecision,
  type SessionOptions,
  type Subject,
  sessionOptions,
} from '../authz/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import type { RequestedImpersonation } from '../kube/index.ts'
import type { ConnectionOrigin } from '../tls/index.ts'
import type { AccessSnapshot, PeerCertificate, ServedCluster } from './ports.ts'
import { SteadyFields } from './steady-fields.ts'

/** A person in one cluster, as of a snapshot. */
export interface PersonHere {
  readonly subject: Subject
  readonly options: SessionOptions
  readonly access: ClusterAccess
  readonly roleNames: readonly string[]
  /** The same object for all requests that ask for no impersonation. */
  decide(requested: RequestedImpersonation): RequestDecision
}

/**
 * What is bound to one TLS connection: the peer's certificate, the origin, and the cluster that the server name chose.
 * No header of a request changes any of them.
 */
export class Connection {
  readonly peer: PeerCertificate
  readonly origin: ConnectionOrigin
  readonly cluster: ServedCluster
  readonly steadyFields = new SteadyFields()
  #cached: {
    snapshot: AccessSnapshot
    labels: Readonly<Record<string, string>>
    person: PersonHere | null
  } | null = null

  constructor(peer: PeerCertificate, origin: ConnectionOrigin, cluster: ServedCluster) {
    this.peer = peer
    this.origin = origin
    this.cluster = cluster
  }

  /** What the person may be in the cluster, as of a snapshot; null when the person is gone. */
  accessOf(identity: UserIdentity, snapshot: AccessSnapshot): PersonHere | null {
    const labels = this.cluster.labels()
    let cached = this.#cached
    if (cached?.snapshot !== snapshot || cached.labels !== labels) {
      const subject = snapshot.subject(identity)
      cached = { snapshot, labels, person: subject === null ? null : this.#here(subject, labels) }
      this.#cached = cached
    }
    return cached.person
  }

  #here(subject: Subject, labels: Readonly<Record<string, string>>): PersonHere {
    const { cluster } = this
    const access = clusterAccess(subject, {
      name: cluster.name,
      labels,
      unknownLabels: cluster.unknownLabels(),
    })
    let plain: RequestDecision | null = null
    return {
      subject,
      options: sessionOptions(subject.roles),
      access,
      roleNames: subject.roles.map(({ name }) => name),
      decide(requested) {
        const { users, groups, unsupported } = requested
        if (users.length + groups.length + unsupported.length > 0) {
          return decideRequest(access, requested)
        }
        plain ??= decideRequest(access, requested)
        return plain
      },
    }
  }
}
