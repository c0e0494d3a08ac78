import { type ClusterAccess, clusterAccess, type Subject } from '../authz/index.ts'
import type { KubeClusterResource } from '../contract/index.ts'
import type { KubeClusterRegistry, KubeClusterStatus } from './kube-clusters.ts'

export type Allowed = ClusterAccess & { readonly effect: 'allow' }

/** The Kubernetes clusters that a subject may reach, with what it may be there. */
export async function visibleClusters(
  registry: KubeClusterRegistry,
  subject: Subject,
): Promise<readonly { readonly cluster: KubeClusterResource; readonly access: Allowed }[]> {
  return (await registry.list()).flatMap((status) => {
    const access = clusterAccess(subject, status)
    return access.effect === 'allow' ? [{ cluster: resourceOfCluster(status), access }] : []
  })
}

export function resourceOfCluster(cluster: KubeClusterStatus): KubeClusterResource {
  const { online, offlineSinceMs } = cluster
  return {
    kind: 'kube_cluster',
    version: 'v3',
    metadata: { name: cluster.name, labels: { ...cluster.labels } },
    status: {
      server_name: cluster.serverName,
      online,
      last_seen: new Date(cluster.lastSeenMs).toISOString(),
      health: online ? cluster.health : 'offline',
      problem: online ? cluster.problem : null,
      since: new Date(offlineSinceMs ?? cluster.sinceMs).toISOString(),
      services: cluster.services,
      version: cluster.version === '' ? null : cluster.version,
      kubernetes_version: cluster.kubernetesVersion,
    },
  }
}
