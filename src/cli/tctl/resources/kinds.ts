import type { ApiClient } from '../../../client/index.ts'
import type {
  ClusterSettingsResource,
  InstanceResource,
  KubeClusterResource,
  KubeClusterWrite,
  KubeServerResource,
  LockResource,
  RoleResource,
  TokenResource,
  UserResource,
} from '../../../contract/index.ts'
import { CliError } from '../../errors.ts'
import { everyPage } from '../../every-page.ts'
import { labelsText, table } from '../../format.ts'

export type AnyResource =
  | RoleResource
  | UserResource
  | LockResource
  | ClusterSettingsResource
  | KubeClusterResource
  | KubeServerResource
  | InstanceResource
  | TokenResource

/** A kind of resource as the command line knows it: how it is named, and which calls serve it. */
export interface Kind {
  readonly kind: AnyResource['kind']
  /** What it is, for who is offered the kind. */
  readonly says: string
  /** Other spellings: plurals and short forms. */
  readonly aliases: readonly string[]
  /** With `secrets`, what the kind has of them is told, to whom may know it. */
  list(client: ApiClient, secrets?: boolean): Promise<readonly AnyResource[]>
  read(client: ApiClient, name: string, secrets?: boolean): Promise<AnyResource>
  /** Told by processes and not by people: nothing to keep or to write back, so not among `all`. */
  readonly passing?: true
  /** Why this one is not written by people, though others of the kind are; null: it is. */
  readonly unwritable?: (resource: AnyResource) => string | null
  /** The name of the only resource of the kind, when there is but one. */
  readonly onlyName?: string
  /**
   * Absent: the kind is not written by people. With `force` it replaces what is there; when the resource carries a
   * revision, that one only.
   */
  readonly create?: (client: ApiClient, resource: AnyResource, force: boolean) => Promise<void>
  readonly remove?: (client: ApiClient, name: string) => Promise<void>
}

const role: Kind = {
  kind: 'role',
  says: 'what people and robots may do',
  aliases: ['roles'],
  list: (client) =>
    everyPage((after) => client.call('roles.list', { query: after === null ? {} : { after } })),
  read: (client, name) => client.call('roles.read', { params: { name } }),
  async create(client, resource, force) {
    const body = resource as RoleResource
    if (force) await client.call('roles.upsert', { params: { name: body.metadata.name }, body })
    else await client.call('roles.create', { body })
  },
  async remove(client, name) {
    await client.call('roles.delete', { params: { name } })
  },
}

const user: Kind = {
  kind: 'user',
  says: 'local users: people and robots',
  aliases: ['users'],
  list: (client) =>
    everyPage((after) => client.call('users.list', { query: after === null ? {} : { after } })),
  read: (client, name) => client.call('users.read', { params: { name } }),
  async create(client, resource, force) {
    const body = resource as UserResource
    if (force) await client.call('users.upsert', { params: { name: body.metadata.name }, body })
    else await client.call('users.create', { body })
  },
  async remove(client, name) {
    await client.call('users.delete', { params: { name } })
  },
}

const lock: Kind = {
  kind: 'lock',
  says: 'who is locked out',
  aliases: ['locks'],
  list: (client) =>
    everyPage((after) => client.call('locks.list', { query: after === null ? {} : { after } })),
  read: (client, name) => client.call('locks.read', { params: { name } }),
  async create(client, resource, force) {
    const body = resource as LockResource
    if (force) await client.call('locks.upsert', { params: { name: body.metadata.name }, body })
    else await client.call('locks.create', { body })
  },
  async remove(client, name) {
    await client.call('locks.delete', { params: { name } })
  },
}

const settings: Kind = {
  kind: 'cluster_settings',
  says: 'settings of the Teleport cluster',
  aliases: ['settings'],
  onlyName: 'cluster-settings',
  list: async (client) => [await client.call('cluster_settings.read', {})],
  read: (client) => client.call('cluster_settings.read', {}),
  async create(client, resource, force) {
    if (!force) {
      throw new CliError('USAGE', 'cluster_settings exist already', {
        hint: 'replace them with: tctl create -f',
      })
    }
    await client.call('cluster_settings.update', { body: resource as ClusterSettingsResource })
  },
}

const announced = (resource: AnyResource): string | null =>
  'spec' in resource && resource.spec !== undefined
    ? null
    : `${resource.kind} "${resource.metadata.name}" is not written by hand: a service announces it by its own configuration`

const kubeCluster: Kind = {
  kind: 'kube_cluster',
  says: 'Kubernetes clusters',
  aliases: ['kube_clusters'],
  unwritable: announced,
  list: (client, secrets = false) =>
    everyPage((after) =>
      client.call('kube_clusters.list', {
        query: { ...secretsQuery(secrets), ...(after === null ? {} : { after }) },
      }),
    ),
  read: (client, name, secrets = false) =>
    client.call('kube_clusters.read', { params: { name }, query: secretsQuery(secrets) }),
  async create(client, resource, force) {
    const problem = announced(resource)
    if (problem !== null) {
      throw new CliError('REFUSED', problem, {
        hint: 'one with a spec and a kubeconfig in it is picked up by services with matching resources',
      })
    }
    const body = resource as KubeClusterWrite
    const { name } = body.metadata
    if (force) await client.call('kube_clusters.upsert', { params: { name }, body })
    else await client.call('kube_clusters.create', { body })
  },
  async remove(client, name) {
    await client.call('kube_clusters.delete', { params: { name } })
  },
}

const secretsQuery = (secrets: boolean): { with_secrets?: boolean } =>
  secrets ? { with_secrets: true } : {}

const kubeServer: Kind = {
  kind: 'kube_server',
  says: 'who serves which Kubernetes cluster; removing one frees its name',
  aliases: ['kube_servers'],
  passing: true,
  list: async (client) => (await client.call('kube_servers.list', {})).items,
  async read(client, name) {
    const { items } = await client.call('kube_servers.list', {})
    const [found] = items.filter(({ metadata }) => metadata.name === name)
    if (found !== undefined) return found
    throw new CliError('REFUSED', `kube_server "${name}" was not found`)
  },
  async remove(client, name) {
    await client.call('kube_servers.delete', { params: { name } })
  },
}

const instance: Kind = {
  kind: 'instance',
  says: 'proxies and kubernetes services that joined',
  aliases: ['instances'],
  passing: true,
  list: (client) =>
    everyPage((after) => client.call('members.list', { query: after === null ? {} : { after } })),
  read: (client, name) => client.call('members.read', { params: { name } }),
  async remove(client, name) {
    await client.call('members.delete', { params: { name } })
  },
}

const token: Kind = {
  kind: 'token',
  says: 'join tokens, without their secrets',
  aliases: ['tokens'],
  passing: true,
  list: async (client) => (await client.call('tokens.list', {})).items,
  read: (client, name) => client.call('tokens.read', { params: { name } }),
  async remove(client, name) {
    await client.call('tokens.delete', { params: { name } })
  },
}

export const kinds: readonly Kind[] = [
  role,
  user,
  lock,
  settings,
  kubeCluster,
  kubeServer,
  instance,
  token,
]

/** Finds a kind by any of its spellings. */
export function kindOf(text: string): Kind {
  const found = kinds.find((kind) => kind.kind === text || kind.aliases.includes(text))
  if (found !== undefined) return found
  throw new CliError('USAGE', `kind "${text}" is not known to this version`, {
    hint: `known kinds: ${kinds.map((kind) => kind.kind).join(', ')}`,
  })
}

/** `roles/admin` → kind and name; `roles` → kind alone. */
export function parseReference(text: string): { kind: Kind; name: string | null } {
  const slash = text.indexOf('/')
  if (slash === -1) return { kind: kindOf(text), name: null }
  const name = text.slice(slash + 1)
  return { kind: kindOf(text.slice(0, slash)), name: name === '' ? null : name }
}

/** Resources of any kinds as one table a kind. */
export function resourcesText(resources: readonly AnyResource[]): string {
  return kinds
    .map((kind) => resources.filter((resource) => resource.kind === kind.kind))
    .filter((group) => group.length > 0)
    .map((group) => table(['Kind', 'Name', 'Summary'], group.map(row)))
    .join('\n\n')
}

function row(resource: AnyResource): string[] {
  switch (resource.kind) {
    case 'role': {
      const { allow } = resource.spec
      const groups = (allow?.kubernetes_groups ?? []).join(',')
      return ['role', resource.metadata.name, `${resource.version}, kubernetes_groups: ${groups}`]
    }
    case 'user':
      return ['user', resource.metadata.name, `roles: ${resource.spec.roles.join(',')}`]
    case 'lock': {
      const { target, message, expires } = resource.spec
      const until = expires === undefined ? 'for good' : `until ${expires}`
      return [
        'lock',
        resource.metadata.name,
        `${labelsText({ ...target })} ${until} ${message ?? ''}`,
      ]
    }
    case 'cluster_settings':
      return ['cluster_settings', resource.metadata.name, labelsText({ ...resource.spec })]
    case 'kube_server':
      return [
        'kube_server',
        resource.metadata.name,
        `${resource.status.online ? 'online' : 'offline'} ${resource.spec.hostname} token: ${resource.spec.token}`,
      ]
    case 'instance':
      return [
        'instance',
        resource.metadata.name,
        `${resource.status.online ? 'online' : 'offline'} ${resource.spec.hostname} ${resource.spec.services.join(',')} ${resource.spec.version}`,
      ]
    case 'token':
      return [
        'token',
        resource.metadata.name,
        `${resource.spec.roles.join(',')} ${resource.metadata.expires ?? 'for good'}`,
      ]
    case 'kube_cluster':
      return [
        'kube_cluster',
        resource.metadata.name,
        `${resource.status.online ? 'online' : 'offline'} ${labelsText(resource.metadata.labels)}`,
      ]
  }
}
