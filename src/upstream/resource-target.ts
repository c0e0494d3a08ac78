import { readResourceKubeconfig } from '../kube/index.ts'
import { SERVER_NAME_SUFFIX } from '../protocol/index.ts'
import { UpstreamError } from './errors.ts'
import { type KubeTarget, targetOfContext } from './target.ts'

/**
 * The cluster that the kubeconfig of a resource describes, under the resource's name. It is judged here again, whoever judged it
 * before: this is the machine on which a program of it would run.
 *
 * @throws KubeconfigError KUBECONFIG_INVALID or KUBECONFIG_UNSAFE; UpstreamError UPSTREAM_CONFIG.
 */
export function targetOfResource(name: string, kubeconfig: string): KubeTarget {
  const target = { ...targetOfContext(readResourceKubeconfig(kubeconfig)), name }
  if (target.tlsServerName?.endsWith(`.${SERVER_NAME_SUFFIX}`) === true) {
    throw new UpstreamError('UPSTREAM_CONFIG', 'it leads through a Teleport proxy')
  }
  return target
}
