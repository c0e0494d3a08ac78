import { fileStore } from './file-store.ts'
import { inCluster } from './in-cluster.ts'
import { secretStore } from './secret-store.ts'
import type { IdentityStore } from './types.ts'

/**
 * Where this process keeps its identity: in a Secret when it is told its pod's name and namespace (KUBE_NAMESPACE,
 * TELEPORT_REPLICA_NAME, as the charts do), else in its data directory. `accountDir` is for tests.
 */
export function chooseStore(
  env: Readonly<Record<string, string | undefined>>,
  dataDir: string,
  accountDir?: string,
): IdentityStore {
  const api = inCluster(env, accountDir)
  const namespace = env['KUBE_NAMESPACE'] ?? ''
  const pod = env['TELEPORT_REPLICA_NAME'] ?? ''
  if (api === null || namespace === '' || pod === '') return fileStore(dataDir)
  return secretStore(api, { namespace, pod })
}
