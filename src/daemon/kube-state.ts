import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { stateSecretName } from '../member/index.ts'
import { DaemonError } from './errors.ts'

/** Where kubelet mounts the pod's account. */
const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount'
/** Replicas that a release may ever have had; the chart gives rights to as many. */
export const MOST_REPLICAS = 16
const ANSWER_TIMEOUT_MS = 30_000

/**
 * Deletes the Secrets that the agents of a Helm release left (`RELEASE_NAME` in `KUBE_NAMESPACE`), with the pod's ServiceAccount,
 * and resolves to the names of those that were there. It lists nothing, since listing Secrets is reading them.
 *
 * @throws DaemonError KUBE_STATE when this is no pod, or the API server refuses.
 */
export async function deleteKubeState(
  env: Readonly<Record<string, string | undefined>>,
  serviceAccountDir: string = SERVICE_ACCOUNT_DIR,
): Promise<string[]> {
  const need = (name: string): string => {
    const value = env[name] ?? ''
    if (value !== '') return value
    throw new DaemonError('KUBE_STATE', `${name} is not set: the Helm chart runs this in a pod`)
  }
  const host = need('KUBERNETES_SERVICE_HOST')
  const port = need('KUBERNETES_SERVICE_PORT')
  const namespace = need('KUBE_NAMESPACE')
  const release = need('RELEASE_NAME')
  const [token, ca] = await Promise.all([
    readFile(join(serviceAccountDir, 'token'), 'utf8'),
    readFile(join(serviceAccountDir, 'ca.crt'), 'utf8'),
  ])
  const deleted: string[] = []
  for (let index = 0; index < MOST_REPLICAS; index += 1) {
    const name = stateSecretName(`${release}-${index}`)
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`
    const status = await remove({ host, port, path, token: token.trim(), ca })
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

function remove(options: {
  readonly host: string
  readonly port: string
  readonly path: string
  readonly token: string
  readonly ca: string
}): Promise<number> {
  const { host, port, path, token, ca } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        method: 'DELETE',
        host,
        port,
        path,
        ca,
        agent: false,
        timeout: ANSWER_TIMEOUT_MS,
        headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
        response.on('error', reject)
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('the API server does not answer')))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
