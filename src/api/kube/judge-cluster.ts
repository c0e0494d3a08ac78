import { createSecureContext } from 'node:tls'
import type { KubeClusterWrite } from '../../contract/index.ts'
import { errorCode, errorMessage } from '../../core/index.ts'
import { kubeconfigText, type ResolvedContext, readResourceKubeconfig } from '../../kube/index.ts'
import { SERVER_NAME_SUFFIX } from '../../protocol/index.ts'
import { ApiError } from '../errors.ts'
import { instantOf } from '../instant.ts'
import type { JudgedCluster } from './dynamic-clusters.ts'

/** As the original marks what was not brought along by a service; roles and matchers may ask for it. */
const ORIGIN_LABEL = 'teleport.dev/origin'
const ORIGIN = 'dynamic'
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/**
 * The cluster as it is stored. `stored` is the kubeconfig that counts when none is given. Throws BAD_REQUEST for what nobody could
 * serve, or what would reach into the machine of who serves it.
 */
export function judgeCluster(
  { metadata, spec }: KubeClusterWrite,
  stored: string | null,
  nowMs: number,
): JudgedCluster {
  const kubeconfig = spec.kubeconfig === undefined ? stored : kubeconfigText(spec.kubeconfig)
  if (kubeconfig === null) {
    throw bad(
      'spec.kubeconfig: is missing: give the kubeconfig of the cluster, as text or in base64',
    )
  }
  const context = read(kubeconfig)
  assertUsable(context)
  const labels = labelsOf(metadata.labels ?? {})
  const { expires, ...rest } = metadata
  const endMs = expires === undefined ? null : instantOf('metadata.expires', expires)
  if (endMs !== null && endMs <= nowMs) {
    throw bad(
      `metadata.expires: ${expires ?? ''} has passed; here it is ${new Date(nowMs).toISOString()}`,
    )
  }
  return {
    metadata: {
      ...rest,
      labels,
      ...(endMs === null ? {} : { expires: new Date(endMs).toISOString() }),
    },
    server: context.cluster.origin,
    kubeconfig,
  }
}

function read(kubeconfig: string): ResolvedContext {
  try {
    return readResourceKubeconfig(kubeconfig)
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'KUBECONFIG_INVALID' && code !== 'KUBECONFIG_UNSAFE') throw error
    throw bad(`spec.kubeconfig: ${errorMessage(error)}`, error)
  }
}

/** What OpenSSL would not take is told to who wrote it, not to the log of some agent. */
function assertUsable({ cluster, user }: ResolvedContext): void {
  if (cluster.tlsServerName?.endsWith(`.${SERVER_NAME_SUFFIX}`) === true) {
    throw bad('spec.kubeconfig: it leads through a Teleport proxy, and not to an API server')
  }
  const ca = cluster.certificateAuthority
  const own = user.clientCertificate
  try {
    createSecureContext({
      ...(ca?.kind === 'data' ? { ca: ca.pem } : {}),
      ...(own?.certificate.kind === 'data' ? { cert: own.certificate.pem } : {}),
      ...(own?.key.kind === 'data' ? { key: own.key.pem } : {}),
    })
  } catch (error) {
    throw bad(
      `spec.kubeconfig: its certificates or its key cannot be used (${errorCode(error) ?? 'unknown reason'})`,
      error,
    )
  }
}

function labelsOf(given: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, value] of Object.entries(given)) {
    if (name === '' || UNPRINTABLE.test(name) || UNPRINTABLE.test(value)) {
      throw bad('metadata.labels: a name is empty, or there are control characters in it')
    }
  }
  const origin = given[ORIGIN_LABEL]
  if (origin !== undefined && origin !== ORIGIN) {
    throw bad(`metadata.labels: ${ORIGIN_LABEL} is "${ORIGIN}" for what is created here`)
  }
  return { ...given, [ORIGIN_LABEL]: ORIGIN }
}

const bad = (message: string, cause?: unknown): ApiError =>
  new ApiError('BAD_REQUEST', message, { cause })
