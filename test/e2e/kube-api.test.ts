import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { describeKubeApi } from '../conformance/kube-api/describe-kube-api.ts'
import { KubeClient } from '../support/kube-client.ts'
import { CLUSTER_VERSIONS, clusters } from './support/environment.ts'

/** What the demo cluster claims, asserted of real clusters: an old one and a new one. */
for (const version of CLUSTER_VERSIONS) {
  const cluster = clusters.find((candidate) => candidate.version === version)
  if (cluster === undefined) {
    describe(`kube api of Kubernetes ${version}`, () => {
      it.skip(`no such cluster here`, () => expect.unreachable())
    })
    continue
  }
  describeKubeApi(`of Kubernetes ${version}`, {
    version,
    image: 'docker.io/local/busybox:1',
    async open() {
      const client = await KubeClient.open(await readFile(cluster.kubeconfig, 'utf8'))
      return {
        client,
        async [Symbol.asyncDispose]() {
          client[Symbol.dispose]()
        },
      }
    },
  })
}
