import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun } from '../../support/process.ts'
import type { Cluster } from './environment.ts'

/** A volume on the node, which is this machine, for one claim: clusters of tests have no storage class. */
export async function openHostVolume(
  cluster: Cluster,
  claim: { readonly namespace: string; readonly name: string },
): Promise<AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'host-volume-'))
  // The kubelet changes no owner of a directory of its node.
  await chmod(path, 0o777)
  const name = `${claim.namespace}-${claim.name}`
  const kubectl = (args: readonly string[], input = ''): Promise<string> =>
    mustRun(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, ...args], { input })
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '10Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path },
      claimRef: claim,
    },
  }
  await kubectl(['apply', '-f', '-'], JSON.stringify(volume))
  return {
    async [Symbol.asyncDispose]() {
      await kubectl(['delete', 'pv', name, '--wait=false'])
      await rm(path, { recursive: true, force: true })
    },
  }
}
