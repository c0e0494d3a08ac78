import { access, readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join, resolve } from 'node:path'
import { type Clock, errorCode, errorMessage, fileWords, type Logger } from '../core/index.ts'
import {
  type Kubeconfig,
  mergeKubeconfigs,
  parseKubeconfig,
  resolveContext,
} from '../kube/index.ts'
import { SERVER_NAME_SUFFIX } from '../protocol/index.ts'
import { openCredentials } from './credentials/credentials.ts'
import { UpstreamError } from './errors.ts'
import { defaultUpstreamLimits } from './limits.ts'
import { addressOf, type KubeTarget, targetOfContext } from './target.ts'

/** Where the clusters of a kubernetes service are written down. */
export type UpstreamSource =
  /** One file, or several as in `$KUBECONFIG`: of equal names the first wins. */
  | { readonly kubeconfigFile: string | readonly string[] }
  /** The pod's own ServiceAccount. */
  | { readonly inCluster: { readonly clusterName: string; readonly serviceAccountDir?: string } }

export interface LoadUpstreamsOptions {
  readonly clock: Clock
  readonly log: Logger
  /** For `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface LoadedUpstreams {
  readonly clusters: readonly KubeTarget[]
  /** Contexts that cannot be served, each with a reason in words. Logged already. */
  readonly broken: readonly BrokenContext[]
}

export interface BrokenContext {
  readonly context: string
  readonly reason: string
}

/**
 * The clusters that a source describes. Files that contexts refer to are read once here, so that a context with a missing
 * CA or a wrong key is known at start; exec plugins are not run.
 *
 * @throws UpstreamError UPSTREAM_CONFIG when the file or the ServiceAccount cannot be read; KubeconfigError KUBECONFIG_INVALID.
 */
export async function loadUpstreams(
  source: UpstreamSource,
  options: LoadUpstreamsOptions,
): Promise<LoadedUpstreams> {
  const loaded =
    'inCluster' in source
      ? { clusters: [await inClusterTarget(source.inCluster, options.env)], broken: [] }
      : targetsOf(await loadKubeconfigFiles([source.kubeconfigFile].flat()))
  const checked = await Promise.all(
    loaded.clusters.map(async (target) => ({ target, reason: await whyUnusable(target, options) })),
  )
  const unusable = checked.flatMap(({ target, reason }) =>
    reason === null ? [] : [{ context: target.name, reason }],
  )
  const broken = [...loaded.broken, ...unusable]
  for (const { context, reason } of broken) {
    options.log.error({ context, reason }, 'kubeconfig context cannot be served')
  }
  return {
    clusters: checked.flatMap(({ target, reason }) => (reason === null ? [target] : [])),
    broken,
  }
}

/**
 * Reads and merges kubeconfig files in the order of `$KUBECONFIG`. Of several files, missing ones are skipped, as kubectl does.
 *
 * @throws UpstreamError UPSTREAM_CONFIG, KubeconfigError KUBECONFIG_INVALID.
 */
export async function loadKubeconfigFiles(paths: readonly string[]): Promise<Kubeconfig> {
  const configs = await Promise.all(
    paths.map(async (path) => {
      try {
        const absolute = resolve(path)
        return parseKubeconfig(await readFile(absolute, 'utf8'), { path: absolute })
      } catch (error) {
        if (errorCode(error) === 'ENOENT' && paths.length > 1) return null
        if (errorCode(error) === 'KUBECONFIG_INVALID') throw error
        const words = `cannot read kubeconfig ${path}: ${fileWords(error)}`
        throw new UpstreamError('UPSTREAM_CONFIG', words, { cause: error })
      }
    }),
  )
  const found = configs.filter((config) => config !== null)
  if (found.length === 0) {
    throw new UpstreamError('UPSTREAM_CONFIG', `no kubeconfig at ${paths.join(', ')}`)
  }
  return mergeKubeconfigs(found)
}

/** Why a context that `tsh` or `tctl` wrote is none to serve. */
export const THROUGH_TELEPORT = 'it leads through a Teleport proxy, and not to an API server'

/** As much as the auth service takes: with one that is longer it would hear nothing of any cluster of the service. */
const MAX_NAME_CHARS = 512
const LONG_NAME = `its name is longer than ${MAX_NAME_CHARS} characters`

/** Served, such a context would lead a request round and round. */
const leadsThroughTeleport = ({ tlsServerName }: KubeTarget): boolean =>
  tlsServerName?.endsWith(`.${SERVER_NAME_SUFFIX}`) === true

function targetsOf(config: Kubeconfig): { clusters: KubeTarget[]; broken: BrokenContext[] } {
  const clusters: KubeTarget[] = []
  const broken: BrokenContext[] = []
  for (const context of config.contexts) {
    const resolved = resolveContext(config, context)
    if (!resolved.ok) {
      broken.push({ context: context.name, reason: resolved.reason })
      continue
    }
    const target = targetOfContext(resolved.context)
    const reason = leadsThroughTeleport(target)
      ? THROUGH_TELEPORT
      : target.name.length > MAX_NAME_CHARS
        ? LONG_NAME
        : null
    if (reason === null) clusters.push(target)
    else broken.push({ context: context.name, reason })
  }
  return { clusters, broken }
}

/** Where kubelet mounts it. */
const defaultServiceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount'

async function inClusterTarget(
  { clusterName, serviceAccountDir }: { clusterName: string; serviceAccountDir?: string },
  env: LoadUpstreamsOptions['env'],
): Promise<KubeTarget> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? ''
  const port = env['KUBERNETES_SERVICE_PORT'] ?? ''
  if (host === '' || port === '') {
    throw new UpstreamError(
      'UPSTREAM_CONFIG',
      'not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, name a kubeconfig_file',
    )
  }
  const url = URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`)
  if (url === null) {
    throw new UpstreamError(
      'UPSTREAM_CONFIG',
      `KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT give no address: ${host}, ${port}`,
    )
  }
  const directory = serviceAccountDir ?? defaultServiceAccountDir
  const tokenFile = join(directory, 'token')
  await access(tokenFile).catch((error: unknown) => {
    const words = `the pod has no ServiceAccount token at ${tokenFile} (automountServiceAccountToken?)`
    throw new UpstreamError('UPSTREAM_CONFIG', words, { cause: error })
  })
  return {
    name: clusterName,
    ...addressOf(url),
    basePath: '',
    tlsServerName: null,
    insecureSkipTlsVerify: false,
    certificateAuthority: { kind: 'file', path: join(directory, 'ca.crt') },
    clientCertificate: null,
    login: { kind: 'tokenFile', path: tokenFile },
    proxyUrl: null,
  }
}

/** Reads what the target refers to, without its exec plugin: running it may take seconds or ask somebody far away. */
async function whyUnusable(
  target: KubeTarget,
  { clock, log }: LoadUpstreamsOptions,
): Promise<string | null> {
  const { login } = target
  const readable = login.kind === 'exec' ? { ...target, login: { kind: 'none' } as const } : target
  try {
    await openCredentials(readable, { clock, log, limits: defaultUpstreamLimits }).current()
    return null
  } catch (error) {
    return errorMessage(error)
  }
}
