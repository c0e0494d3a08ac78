import { describe } from 'vitest'
import { ABSENT, CLUSTER_VERSIONS, type Cluster, clusters } from './environment.ts'

export type ClusterVersion = (typeof CLUSTER_VERSIONS)[number]

/** The same suite for each version of Kubernetes whose API server tells in a log of its own what it really got. */
export function describeWitnesses(
  title: string,
  tests: (cluster: Cluster, version: ClusterVersion) => void,
): void {
  for (const version of CLUSTER_VERSIONS) {
    const cluster = clusters.find((one) => one.version === version)
    const missing =
      cluster === undefined
        ? ' (no such cluster here)'
        : cluster.auditLog === null
          ? ' (its audit log is not at hand)'
          : ''
    describe.skipIf(missing !== '')(`${title} ${version}${missing}`, () =>
      tests(cluster ?? ABSENT, version),
    )
  }
}
