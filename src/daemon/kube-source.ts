import type { UpstreamSource } from '../upstream/index.ts'
import type { TeleportConfig } from './config/index.ts'
import { DaemonError } from './errors.ts'

/**
 * Where the clusters of the kubernetes service come from: kubeconfig files, else the cluster in whose pod we run, which is
 * called `podCluster` unless the configuration says otherwise. Throws DaemonError NO_KUBE_CLUSTERS.
 */
export function kubeSource(
  { kube }: Pick<TeleportConfig, 'kube'>,
  env: Readonly<Record<string, string | undefined>>,
  podCluster: string | null,
): UpstreamSource {
  const { kubeconfigFile, kubeClusterName } = kube
  if (kubeconfigFile !== null) return { kubeconfigFile }
  if (env['KUBERNETES_SERVICE_HOST'] === undefined) {
    throw new DaemonError(
      'NO_KUBE_CLUSTERS',
      'kubernetes_service has no kubeconfig_file, and this process runs in no pod: give the file',
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
