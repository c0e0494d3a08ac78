import type { KubeRequestEvent } from '../audit/index.ts'
import type { Principals } from '../authz/index.ts'
import { formatAddress } from '../core/index.ts'
import type { UserIdentity } from '../identity/index.ts'
import type { ConnectionOrigin } from '../tls/index.ts'

/** What is known of a request and hardly changes from one to the next of a connection. */
export interface SteadyFacts {
  readonly clusterName: string
  readonly hostId: string
  readonly kubeCluster: string
  readonly labels: Readonly<Record<string, string>>
  readonly origin: ConnectionOrigin
  readonly userAgent: string | null
  readonly identity: UserIdentity | null
  readonly roles: readonly string[]
  readonly principals: Principals | null
}

/** The fields of an event that such facts make. */
export type SteadyEvent = Pick<
  KubeRequestEvent,
  | 'cluster_name'
  | 'user'
  | 'user_roles'
  | 'user_traits'
  | 'login'
  | 'addr.remote'
  | 'proto'
  | 'kubernetes_cluster'
  | 'kubernetes_labels'
  | 'kubernetes_users'
  | 'kubernetes_groups'
  | 'server_id'
  | 'user_agent'
>

interface Made {
  readonly facts: SteadyFacts
  readonly fields: SteadyEvent
  /** Without the braces around it. */
  readonly json: string
}

/**
 * The fields that are the same in nearly all events of a connection, made once: with a hundred roles they are most of an
 * event. They are made anew as soon as one of the facts is another object.
 */
export class SteadyFields {
  #made: Made | null = null

  of(facts: SteadyFacts): Pick<Made, 'fields' | 'json'> {
    if (this.#made === null || !same(this.#made.facts, facts)) this.#made = make(facts)
    return this.#made
  }
}

const same = (a: SteadyFacts, b: SteadyFacts): boolean =>
  a.identity === b.identity &&
  a.principals === b.principals &&
  a.roles === b.roles &&
  a.labels === b.labels &&
  a.origin === b.origin &&
  a.userAgent === b.userAgent &&
  a.kubeCluster === b.kubeCluster &&
  a.clusterName === b.clusterName &&
  a.hostId === b.hostId

function make(grown: SteadyFacts): Made {
  const { clusterName, hostId, kubeCluster, labels, origin, userAgent } = grown
  const { identity, roles, principals } = grown
  const fields: SteadyEvent = {
    cluster_name: clusterName,
    ...(identity === null
      ? {}
      : {
          user: identity.user,
          user_roles: roles,
          user_traits: identity.traits,
          login: identity.login,
        }),
    'addr.remote': formatAddress(origin.address, origin.port),
    proto: 'kube',
    kubernetes_cluster: kubeCluster,
    kubernetes_labels: labels,
    ...(principals === null
      ? {}
      : { kubernetes_users: [principals.user], kubernetes_groups: principals.groups }),
    server_id: hostId,
    ...(userAgent === null ? {} : { user_agent: userAgent }),
  }
  return {
    // Copied: what is compared later must not grow as a request is decided, nor hold the request.
    facts: {
      clusterName,
      hostId,
      kubeCluster,
      labels,
      origin,
      userAgent,
      identity,
      roles,
      principals,
    },
    fields,
    json: JSON.stringify(fields).slice(1, -1),
  }
}
