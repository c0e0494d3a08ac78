import type { ApiDeps } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { visibleClusters } from '../visible-clusters.ts'
import { mutableTraits } from './mutable-traits.ts'

/** What a person's certificate gives him as of now: roles or traits that were taken away are not in it any more. */
export function selfHandlers(deps: ApiDeps): Pick<Handlers, 'self.read'> {
  return {
    'self.read': async ({ caller }) => {
      const { identity } = caller
      const subject = deps.access.current().subject(identity)
      // Deleted since the call was let in.
      if (subject === null) throw new ApiError('ACCESS_DENIED', 'this user does not exist any more')
      const held = new Set(subject.roles.map(({ name }) => name))
      const clusters = await visibleClusters(deps.kubeClusters, subject)
      return {
        user: identity.user,
        roles: identity.roles.filter((role) => held.has(role)),
        traits: mutableTraits(subject.traits),
        expires: new Date(caller.expiresAtMs).toISOString(),
        teleport_cluster: deps.clusterName,
        version: deps.version,
        host_ca: deps.authorities.hostCaPem,
        kube_addr: deps.kubeAddress(),
        kube_clusters: clusters.map(({ cluster, access }) => ({
          ...cluster,
          access: {
            kubernetes_users: [...access.users],
            kubernetes_groups: [...access.groups],
            default_user: access.defaultUser,
          },
        })),
      }
    },
  }
}
