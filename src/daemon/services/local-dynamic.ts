import type { DynamicKubeClusters } from '../../api/index.ts'
import { type ClusterMatcher, clusterMatchers } from '../../authz/index.ts'
import type { DynamicCluster, DynamicClusterSource } from './kube-ports.ts'

/** The dynamic clusters for a kubernetes service in the process of the auth service; null when it wants none. */
export function localDynamicClusters(
  clusters: Pick<DynamicKubeClusters, 'list' | 'kubeconfigOf' | 'onChange'>,
  resources: readonly ClusterMatcher[],
): DynamicClusterSource | null {
  if (resources.length === 0) return null
  const matchers = clusterMatchers(resources)
  return {
    current: () =>
      clusters
        .list()
        .filter(({ labels }) => matchers.select(labels))
        .flatMap(({ name, revision, labels }): DynamicCluster[] => {
          const kubeconfig = clusters.kubeconfigOf(name)
          return kubeconfig === null ? [] : [{ name, revision, labels, kubeconfig }]
        }),
    onChange: (listener) => clusters.onChange(listener),
  }
}
