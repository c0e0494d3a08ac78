import type { InstanceResource, KubeServerResource } from '../../contract/index.ts'
import type { Member } from '../../join/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../handler-parts.ts'
import type { Handlers } from '../handler-types.ts'

type InventoryHandlers = Pick<
  Handlers,
  'members.list' | 'members.read' | 'members.delete' | 'kube_servers.list' | 'kube_servers.delete'
>

/** Who joined, and who serves what. */
export function inventoryHandlers(deps: ApiDeps, audit: ApiAudit): InventoryHandlers {
  const { joining, kubeClusters, dynamicClusters, access, clock } = deps
  const { members, names } = joining
  const read = async (hostId: string): Promise<Member> => {
    const found = await members.find(hostId)
    if (found === null) throw new ApiError('NOT_FOUND', `instance "${hostId}" was not found`)
    return found
  }
  const instance = (member: Member): InstanceResource => {
    const bar = access.current().hostBar(member.hostId, clock.now())
    return instanceOf(member, bar, members.isOnline(member))
  }
  return {
    'members.list': async ({ query }) => {
      const { items, next } = await members.list(pageOf(query))
      return { items: items.map(instance), next }
    },
    'members.read': async ({ params }) => instance(await read(params.name)),
    'members.delete': async ({ caller, params }) => {
      const { hostId, nodename, services, lineage } = await read(params.name)
      const fields = { host_id: hostId, node_name: nodename, services, token_name: lineage }
      await audit.change(caller, 'instance.delete', fields, async () => {
        const revision = await members.delete(hostId)
        // What proxies are told is in force here first.
        if (revision !== null) await access.reached(revision)
        deps.sessions.forget(hostId)
        await Promise.all([kubeClusters.withdrawAll(hostId), deps.proxies.withdraw(hostId)])
      })
      return {}
    },

    'kube_servers.list': async () => ({ items: await kubeServers(deps), next: null }),
    'kube_servers.delete': async ({ caller, params }) => {
      const { name } = params
      const [owner, cluster] = await Promise.all([names.owner(name), kubeClusters.find(name)])
      if (dynamicClusters.find(name) !== null) {
        throw new ApiError(
          'CONFLICT',
          `Kubernetes cluster "${name}" is a kube_cluster resource: remove that (tctl rm kube_cluster/${name})`,
        )
      }
      if (owner === null && cluster === null) {
        throw new ApiError('NOT_FOUND', `kube_server "${name}" was not found`)
      }
      if (cluster?.online === true) {
        throw new ApiError(
          'CONFLICT',
          `Kubernetes cluster "${name}" is online: stop the service that serves it, or remove it (tctl rm instance/${cluster.hostId}); else it would take the name again at once`,
        )
      }
      const fields = { name, token_name: owner?.lineage ?? null }
      await audit.change(caller, 'kube.delete', fields, async () => {
        await names.free(name)
        await kubeClusters.forget(name)
      })
      return {}
    },
  }
}

function instanceOf(member: Member, bar: string | null, online: boolean): InstanceResource {
  const { hostId, labels, nodename, services, version, lineage, address } = member
  return {
    kind: 'instance',
    version: 'v1',
    metadata: { name: hostId, labels: { ...labels } },
    spec: { hostname: nodename, services: [...services], version, token: lineage, address },
    status: {
      online,
      last_seen: iso(member.lastSeenMs),
      joined: iso(member.joinedMs),
      certificate_expires: iso(member.certificateEndsMs),
      ...(bar === null ? {} : { locked: bar }),
    },
  }
}

/** Every process that serves a cluster, and every name that somebody owns and nobody serves; by name. */
async function kubeServers({
  joining,
  kubeClusters,
  version,
}: ApiDeps): Promise<KubeServerResource[]> {
  const owners = new Map((await joining.names.list()).map((owner) => [owner.name, owner]))
  const served = await kubeClusters.servers()
  const servers: KubeServerResource[] = []
  for (const server of served) {
    const member = await joining.members.find(server.hostId)
    const own = server.hostId === joining.ownHostId
    servers.push({
      kind: 'kube_server',
      version: 'v3',
      metadata: { name: server.name, labels: { ...server.labels } },
      spec: {
        host_id: server.hostId,
        hostname: member?.nodename ?? '',
        version: member?.version ?? (own ? version : ''),
        token: owners.get(server.name)?.lineage ?? '',
      },
      status: { online: server.online, last_seen: iso(server.lastSeenMs) },
    })
  }
  const names = new Set(served.map(({ name }) => name))
  for (const { name, lineage } of owners.values()) {
    if (names.has(name)) continue
    servers.push({
      kind: 'kube_server',
      version: 'v3',
      metadata: { name, labels: {} },
      spec: { host_id: null, hostname: '', version: '', token: lineage },
      status: { online: false, last_seen: null },
    })
  }
  return servers.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

const iso = (ms: number): string => new Date(ms).toISOString()
