import type { UpstreamSource } from '../upstream/index.ts'
import type { TeleportConfig } from './config/index.ts'
import { DaemonError } from './errors.ts'

/**
 * Where the clusters of the kubernetes service come from: kubeconfig files, else the cluster in whose pod we run, which is
 * called `podCluster` unless the configuration says otherwise; null: it serves dynamic clusters alone. Throws DaemonError NO_KUBE_CLUSTERS.
 */
export function kubeSource(
  { kube }: Pick<TeleportConfig, 'kube'>,
  env: Readonly<Record<string, string | undefined>>,
  podCluster: string | null,
): UpstreamSource | null {
  const { kubeconfigFile, kubeClusterName, resources } = kube
  if (kubeconfigFile !== null) return { kubeconfigFile }
  const isInPod = env['KUBERNETES_SERVICE_HOST'] !== undefined
  // What is to be served comes from resources alone, unless this pod's cluster is named.
  if (resources.length > 0 && (!isInPod || kubeClusterName === null)) return null
  if (!isInPod) {
    throw new DaemonError(
      'NO_KUBE_CLUSTERS',
      'kubernetes_service has no kubeconfig_file, and this process runs in no pod: give the file, or resources',
    )
  }
  const clusterName = kubeClusterName ?? podCluster
  if (clusterName === null) {
    throw new DaemonError(
      'NO_KUBE_CLUSTERS',
      'kubernetes_service has no kube_cluster_name: say how the cluster in whose pod this runs is called',
    )
  }
  return { inCluster: { clusterName } }
}
