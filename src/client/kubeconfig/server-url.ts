import { kubeServerPath } from '../../protocol/index.ts'

/** What kubeconfigs name: the address of the proxy with the path of the cluster, so that clients cache each by itself. */
export function kubeServerUrl(origin: string, serverName: string): string {
  return origin + kubeServerPath(serverName)
}
