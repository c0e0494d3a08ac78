import { inCluster, stateSecretName } from '../member/index.ts'
import { DaemonError } from './errors.ts'

/** Replicas that a release may ever have had; the chart gives rights to as many. */
export const MOST_REPLICAS = 16

/**
 * Deletes the Secrets that the agents of a Helm release left (`RELEASE_NAME` in `KUBE_NAMESPACE`), with the pod's ServiceAccount,
 * and resolves to the names of those that were there. It lists nothing, since listing Secrets is reading them.
 *
 * @throws DaemonError KUBE_STATE when this is no pod, or the API server refuses; MemberError MEMBER_STATE_UNAVAILABLE when it is not reached.
 */
export async function deleteKubeState(
  env: Readonly<Record<string, string | undefined>>,
  serviceAccountDir?: string,
): Promise<string[]> {
  const need = (name: string): string => {
    const value = env[name] ?? ''
    if (value !== '') return value
    throw new DaemonError('KUBE_STATE', `${name} is not set: the Helm chart runs this in a pod`)
  }
  need('KUBERNETES_SERVICE_HOST')
  need('KUBERNETES_SERVICE_PORT')
  const namespace = need('KUBE_NAMESPACE')
  const release = need('RELEASE_NAME')
  const cluster = inCluster(env, serviceAccountDir)
  if (cluster === null) throw new TypeError('what makes this a pod is set, and it is none')
  const deleted: string[] = []
  for (let index = 0; index < MOST_REPLICAS; index += 1) {
    const name = stateSecretName(`${release}-${index}`)
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`
    const { status } = await cluster.call('DELETE', path)
    if (status === 404) continue
    if (status !== 200 && status !== 202) {
      throw new DaemonError(
        'KUBE_STATE',
        `the API server answered ${status} when Secret ${namespace}/${name} was to be deleted`,
      )
    }
    deleted.push(name)
  }
  return deleted
}
