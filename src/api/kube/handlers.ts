import { clusterAccess, decideApi, type Subject } from '../../authz/index.ts'
import type { KubeClusterResource } from '../../contract/index.ts'
import { OWN_LINEAGE } from '../../join/index.ts'
import { kubeServerName } from '../../protocol/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import { subjectOf } from '../authorize-call.ts'
import type { ApiDeps, Caller } from '../context.ts'
import { ApiError } from '../errors.ts'
import { sameName } from '../handler-parts.ts'
import type { Handlers } from '../handler-types.ts'
import { DEFAULT_PAGE_ITEMS } from '../limits.ts'
import type { OneAtATime } from '../one-at-a-time.ts'
import { resourceOfCluster } from '../visible-clusters.ts'
import type { DynamicCluster, JudgedCluster } from './dynamic-clusters.ts'
import { judgeCluster } from './judge-cluster.ts'

type KubeHandlers = Pick<
  Handlers,
  | 'kube_clusters.list'
  | 'kube_clusters.read'
  | 'kube_clusters.create'
  | 'kube_clusters.upsert'
  | 'kube_clusters.delete'
>

/** Names of shown kubeconfigs that one event has: a page is told in several. */
const MAX_NAMES_TOLD = 50

/** Kubernetes clusters: those that services brought along, and those that somebody wrote down. */
export function kubeHandlers(deps: ApiDeps, audit: ApiAudit, alone: OneAtATime): KubeHandlers {
  const { kubeClusters, dynamicClusters, joining, clock } = deps

  /** Throws CONFLICT for a name that a service serves by itself, or that agents own. */
  const assertFree = async (name: string): Promise<void> => {
    const owner = await joining.names.owner(name)
    if (owner === null) return
    const whose =
      owner.lineage === OWN_LINEAGE
        ? 'is served by the process of the auth service by its own configuration'
        : `belongs to agents of join token "${owner.lineage}", which serve it by their own configuration`
    throw new ApiError(
      'CONFLICT',
      `Kubernetes cluster "${name}" ${whose}: choose another name, or free it when they serve it no more (tctl rm kube_server/${name})`,
      { facts: { name } },
    )
  }

  const withSecrets = async (
    caller: Caller,
    clusters: readonly KubeClusterResource[],
  ): Promise<KubeClusterResource[]> => {
    assertMayChange(deps, caller)
    const dynamic = clusters.filter(({ spec }) => spec !== undefined)
    const names = dynamic.map(({ metadata }) => metadata.name)
    for (let from = 0; from < names.length; from += MAX_NAMES_TOLD) {
      await audit.note(caller, 'kube.read', { names: names.slice(from, from + MAX_NAMES_TOLD) })
    }
    return clusters.map((cluster) => {
      const kubeconfig =
        cluster.spec === undefined ? null : dynamicClusters.kubeconfigOf(cluster.metadata.name)
      return kubeconfig === null ? cluster : { ...cluster, spec: { ...cluster.spec, kubeconfig } }
    })
  }

  const answer = async (made: DynamicCluster): Promise<KubeClusterResource> =>
    resourceOfDynamic(deps, made, await registered(deps, made.name))

  return {
    'kube_clusters.list': async ({ caller, query }) => {
      const { after } = query
      const limit = query.limit ?? DEFAULT_PAGE_ITEMS
      const visible = (await clustersFor(deps, caller)).filter(
        ({ metadata }) => after === undefined || metadata.name > after,
      )
      const page = visible.slice(0, limit)
      const items = query.with_secrets === true ? await withSecrets(caller, page) : page
      const last = page.at(-1)?.metadata.name ?? null
      return { items: [...items], next: visible.length > limit ? last : null }
    },
    'kube_clusters.read': async ({ caller, params, query }) => {
      const visible = await clustersFor(deps, caller)
      const found = visible.find(({ metadata }) => metadata.name === params.name)
      if (found === undefined) throw clusterNotFound(params.name)
      if (query.with_secrets !== true) return found
      const [told] = await withSecrets(caller, [found])
      return told ?? found
    },

    'kube_clusters.create': ({ caller, body }) =>
      alone(async () => {
        const judged = judgeCluster(body, null, clock.now())
        await assertFree(body.metadata.name)
        const made = await audit.change(caller, 'kube.create', factsOf(judged, caller), () =>
          dynamicClusters.create(judged),
        )
        return answer(made)
      }),
    'kube_clusters.upsert': ({ caller, params, body }) =>
      alone(async () => {
        sameName(params.name, body.metadata.name)
        const stored = dynamicClusters.kubeconfigOf(params.name)
        const judged = judgeCluster(body, stored, clock.now())
        if (stored === null) await assertFree(params.name)
        const { made } = await audit.change(
          caller,
          'kube.update',
          factsOf(judged, caller),
          () => dynamicClusters.upsert(judged),
          ({ created }) => (created ? 'kube.create' : 'kube.update'),
        )
        return answer(made)
      }),
    'kube_clusters.delete': ({ caller, params }) =>
      alone(async () => {
        const { name } = params
        // Who may not know of a cluster hears the same whether it is there or not, and forgets nobody's.
        const visible = await clustersFor(deps, caller)
        if (!visible.some(({ metadata }) => metadata.name === name)) throw clusterNotFound(name)
        const dynamic = dynamicClusters.find(name)
        if (dynamic !== null) {
          const fields = { name, kube_labels: dynamic.labels, updated_by: caller.user }
          await audit.change(caller, 'kube.delete', fields, async () => {
            await dynamicClusters.delete(name)
            await kubeClusters.retire(name)
          })
          return {}
        }
        const cluster = await kubeClusters.find(name)
        if (cluster === null) throw clusterNotFound(name)
        if (cluster.online) {
          throw new ApiError(
            'CONFLICT',
            `Kubernetes cluster "${name}" is online: stop the service that serves it first`,
          )
        }
        await audit.change(caller, 'kube.delete', { name }, () => kubeClusters.forget(name))
        return {}
      }),
  }
}

const factsOf = (
  { metadata, server }: JudgedCluster,
  caller: Caller,
): Readonly<Record<string, unknown>> => ({
  name: metadata.name,
  kube_labels: metadata.labels ?? {},
  server,
  updated_by: caller.user,
  expires: metadata.expires ?? null,
})

/** What a caller may see: clusters that he may reach, dynamic ones that he may change, and the local administrator all. */
async function clustersFor(deps: ApiDeps, caller: Caller): Promise<KubeClusterResource[]> {
  const subject = subjectOf(caller.identity, deps.access.current())
  if (subject === null) return []
  const isAdmin = caller.identity.kind === 'admin'
  const reaches = (cluster: Parameters<typeof clusterAccess>[1]): boolean =>
    isAdmin || clusterAccess(subject, cluster).effect === 'allow'
  const changes = isAdmin || mayChange(subject)
  const known = new Map(
    (await deps.kubeClusters.list()).map((status) => [
      status.name,
      { resource: resourceOfCluster(status), visible: reaches(status) },
    ]),
  )
  const found = new Map<string, KubeClusterResource>()
  for (const [name, { resource, visible }] of known) if (visible) found.set(name, resource)
  for (const dynamic of deps.dynamicClusters.list()) {
    const { name, labels } = dynamic
    if (!changes && !found.has(name) && !reaches({ name, labels, unknownLabels: [] })) continue
    found.set(name, resourceOfDynamic(deps, dynamic, known.get(name)?.resource ?? null))
  }
  return [...found.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

async function registered(
  { kubeClusters }: ApiDeps,
  name: string,
): Promise<KubeClusterResource | null> {
  const status = await kubeClusters.find(name)
  return status === null ? null : resourceOfCluster(status)
}

/** As it was written, with what is known of how it is served. */
function resourceOfDynamic(
  { clusterName }: ApiDeps,
  cluster: DynamicCluster,
  served: KubeClusterResource | null,
): KubeClusterResource {
  const { name, description, labels, expiresAtMs, createdMs, revision, server } = cluster
  const created = new Date(createdMs).toISOString()
  return {
    kind: 'kube_cluster',
    version: 'v3',
    metadata: {
      name,
      ...(description === null ? {} : { description }),
      labels: { ...labels },
      ...(expiresAtMs === null ? {} : { expires: new Date(expiresAtMs).toISOString() }),
      created,
      revision,
    },
    spec: { server },
    status: served?.status ?? {
      server_name: kubeServerName(clusterName, name),
      online: false,
      last_seen: created,
      health: 'offline',
      problem: 'no service selects it and is allowed to',
      since: created,
      services: 0,
    },
  }
}

/** Who may replace a kubeconfig may also see it. */
const mayChange = (subject: Subject): boolean =>
  decideApi(subject, 'kube_cluster', 'update').effect === 'allow'

function assertMayChange({ access }: ApiDeps, { identity }: Caller): void {
  const subject = subjectOf(identity, access.current())
  if (subject !== null && mayChange(subject)) return
  throw new ApiError(
    'ACCESS_DENIED',
    'you may not see kubeconfigs: that wants a rule {resources: [kube_cluster], verbs: [update]} in one of your roles',
    { facts: { resource: 'kube_cluster', verb: 'update' } },
  )
}

const clusterNotFound = (name: string): ApiError =>
  new ApiError(
    'NOT_FOUND',
    `Kubernetes cluster "${name}" was not found (see "tctl get kube_clusters")`,
  )
