import { type ClusterMatcher, clusterMatchers } from '../../authz/index.ts'
import type { KubeMatchers, TokenResource } from '../../contract/index.ts'
import { errorCode, errorMessage, formatDuration } from '../../core/index.ts'
import { DEFAULT_TOKEN_TTL_MS, type JoinToken } from '../../join/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'

type TokenHandlers = Pick<
  Handlers,
  'tokens.list' | 'tokens.read' | 'tokens.create' | 'tokens.delete'
>

/** Join tokens, as administrators see them: a secret is told once, to whom it is made for. */
export function tokenHandlers(
  { joining, authorities }: Pick<ApiDeps, 'joining' | 'authorities'>,
  audit: ApiAudit,
): TokenHandlers {
  const { tokens } = joining
  const read = async (name: string): Promise<JoinToken> => {
    const found = await tokens.read(name)
    if (found === null) throw new ApiError('NOT_FOUND', `token "${name}" was not found`)
    return found
  }
  return {
    'tokens.list': async () => ({ items: (await tokens.list()).map(resourceOf), next: null }),
    'tokens.read': async ({ params }) => resourceOf(await read(params.name)),
    'tokens.create': async ({ caller, body }) => {
      const ttlMs = body.ttl_ms ?? DEFAULT_TOKEN_TTL_MS
      const labels = body.labels ?? {}
      const kubeResources = body.kube_resources ?? []
      judgeMatchers(kubeResources)
      const fields = {
        services: body.services,
        ttl: formatDuration(ttlMs),
        labels,
        kube_resources: kubeResources,
      }
      const { token, made } = await audit.change(caller, 'join_token.create', fields, () =>
        tokens
          .create({
            services: body.services,
            labels,
            kubeResources,
            ttlMs,
            value: body.value ?? null,
          })
          .catch(explain),
      )
      return {
        token,
        resource: resourceOf(made),
        ca_pins: [authorities.caPin],
        proxy_addr: joining.proxyAddress(),
        auth_addr: joining.authAddress,
      }
    },
    'tokens.delete': async ({ caller, params }) => {
      const { name } = params
      const { expiresAtMs } = await read(name)
      if (expiresAtMs === null) {
        throw new ApiError(
          'CONFLICT',
          `token "${name}" stands in teleport.yaml (auth_service.tokens): take it out there and restart`,
        )
      }
      await audit.change(caller, 'join_token.delete', { name }, () => tokens.delete(name))
      return {}
    },
  }
}

/** Throws BAD_REQUEST for matchers that select nothing, or by nothing. */
function judgeMatchers(matchers: readonly ClusterMatcher[]): void {
  try {
    clusterMatchers(matchers)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', `kube_resources${errorMessage(error)}`, { cause: error })
  }
}

function explain(error: unknown): never {
  switch (errorCode(error)) {
    case 'TOKEN_WEAK':
      throw new ApiError('BAD_REQUEST', `value: ${errorMessage(error)}`, { cause: error })
    case 'TOKEN_EXISTS':
      throw new ApiError('ALREADY_EXISTS', errorMessage(error), { cause: error })
    default:
      throw error
  }
}

function resourceOf(token: JoinToken): TokenResource {
  const { name, services, labels, kubeResources = [], expiresAtMs } = token
  return {
    kind: 'token',
    version: 'v2',
    metadata: {
      name,
      labels: { ...labels },
      ...(expiresAtMs === null ? {} : { expires: new Date(expiresAtMs).toISOString() }),
    },
    spec: {
      roles: [...services],
      join_method: 'token',
      ...(kubeResources.length === 0 ? {} : { kube_resources: kubeResources.map(written) }),
    },
    status: { static: expiresAtMs === null },
  }
}

/** The contract's lists are mutable. */
const written = ({ labels }: ClusterMatcher): KubeMatchers[number] => ({
  labels: Object.fromEntries(
    Object.entries(labels).map(([name, values]) => [
      name,
      typeof values === 'string' ? values : [...values],
    ]),
  ),
})
