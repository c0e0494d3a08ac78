import { clusterAccess, parseRole, type Role, sessionTtl } from '../authz/index.ts'
import type {
  ClusterSettingsResource,
  KubeClusterResource,
  RoleResource,
  UserResource,
} from '../contract/index.ts'
import { errorMessage, formatDuration, parseDuration } from '../core/index.ts'
import { assertUserName, type UserIdentity } from '../identity/index.ts'
import type { ApiAudit } from './audit-api.ts'
import { subjectOf } from './authorize-call.ts'
import type { ApiDeps, Caller } from './context.ts'
import { ApiError } from './errors.ts'
import { mutable, pageOf, sameName } from './handler-parts.ts'
import type { Handlers } from './handler-types.ts'
import type { KubeClusterStatus } from './kube-clusters.ts'
import { DEFAULT_PAGE_ITEMS, DEFAULT_SESSION_TTL_MS, MIN_AUDIT_RETENTION_MS } from './limits.ts'
import { lockHandlers } from './locks/handlers.ts'
import { inviteHandlers } from './login/invites.ts'

/** `openApi` is asked late, since the document is complete only when all routes are registered. */
export function createHandlers(
  deps: ApiDeps,
  audit: ApiAudit,
  openApi: () => Record<string, unknown>,
): Handlers {
  const { stores, authorities, access, kubeClusters, clock } = deps

  return {
    'status.read': async ({ caller }) => ({
      cluster_name: deps.clusterName,
      version: deps.version,
      ca_pins: [authorities.caPin],
      kube_addr: deps.kubeAddress,
      user: caller.user,
    }),

    'openapi.read': async () => openApi(),
    'stats.read': async () => deps.stats.read(await kubeClusters.list()),

    'users.list': async ({ query }) => mutable(await stores.users.list(pageOf(query))),
    'users.read': async ({ params }) => stores.users.read(params.name),
    'users.create': async ({ body, caller }) => {
      await judgeUser(deps, body)
      const fields = { name: body.metadata.name, roles: body.spec.roles }
      return audit.change(caller, 'user.create', fields, () => stores.users.create(body))
    },
    'users.upsert': async ({ params, body, caller }) => {
      sameName(params.name, body.metadata.name)
      await judgeUser(deps, body)
      const fields = { name: body.metadata.name, roles: body.spec.roles }
      const { resource } = await audit.change(
        caller,
        'user.update',
        fields,
        () => stores.users.upsert(body),
        ({ created }) => (created ? 'user.create' : 'user.update'),
      )
      return resource
    },
    'users.delete': async ({ params, caller }) => {
      await audit.change(caller, 'user.delete', { name: params.name }, async () => {
        // Before, so that no crash leaves them to a later user of the name; after, for a link made in between.
        await deps.localUsers.forget(params.name)
        await stores.users.delete(params.name)
        await deps.localUsers.forget(params.name)
      })
      return {}
    },

    'users.certificates.create': async ({ params, body, caller }) => {
      const user = await stores.users.read(params.name)
      const roles = await rolesOf(deps, user)
      const defaultMs = defaultTtlMs(access.current().settings.default_session_ttl)
      const { ttlMs, cappedBy } = sessionTtl(roles, body.ttl_ms ?? defaultMs)
      const identity: UserIdentity = {
        kind: 'user',
        teleportCluster: deps.clusterName,
        user: user.metadata.name,
        roles: user.spec.roles,
        traits: user.spec.traits ?? {},
        login: 'signed',
        issuedAtMs: clock.now(),
        pinnedAddress: null,
      }
      const issued = await issueOrExplain(deps, identity, body.public_key, ttlMs)
      const expires = new Date(issued.expiresAtMs).toISOString()
      const reachable = await clustersOf(deps, roles, identity)
      await audit.note(caller, 'cert.create', {
        cert_type: 'user',
        identity: {
          user: identity.user,
          roles: identity.roles,
          traits: identity.traits,
          expires,
          kubernetes_clusters: reachable.map((cluster) => cluster.metadata.name),
        },
      })
      return {
        certificate: issued.certificatePem,
        expires,
        ttl_ms: ttlMs,
        capped_by: cappedBy,
        roles: [...identity.roles],
        teleport_cluster: deps.clusterName,
        host_ca: authorities.hostCaPem,
        kube_addr: deps.kubeAddress,
        kube_clusters: reachable,
      }
    },

    ...inviteHandlers(deps, audit),
    'login.describe': async () => notYet(),
    'login.create': async () => notYet(),
    'self.read': async () => notYet(),
    ...lockHandlers(deps, audit),

    'roles.list': async ({ query }) => mutable(await stores.roles.list(pageOf(query))),
    'roles.read': async ({ params }) => stores.roles.read(params.name),
    'roles.create': async ({ body, caller }) => {
      judgeRole(body)
      return audit.change(caller, 'role.created', { name: body.metadata.name }, () =>
        stores.roles.create(body),
      )
    },
    'roles.upsert': async ({ params, body, caller }) => {
      sameName(params.name, body.metadata.name)
      judgeRole(body)
      const { resource } = await audit.change(
        caller,
        'role.updated',
        { name: body.metadata.name },
        () => stores.roles.upsert(body),
        ({ created }) => (created ? 'role.created' : 'role.updated'),
      )
      return resource
    },
    'roles.delete': async ({ params, caller }) => {
      await stores.roles.read(params.name)
      const holders: string[] = []
      for await (const user of stores.users.all()) {
        if (user.spec.roles.includes(params.name)) holders.push(user.metadata.name)
      }
      if (holders.length > 0) {
        throw new ApiError(
          'ROLE_IN_USE',
          `role "${params.name}" is held by ${summary(holders)}: take it away first (tctl users update --set-roles)`,
          { facts: { role: params.name, users: holders } },
        )
      }
      await audit.change(caller, 'role.deleted', { name: params.name }, () =>
        stores.roles.delete(params.name),
      )
      return {}
    },

    'cluster_settings.read': async () => stores.settings.read('cluster-settings'),
    'cluster_settings.update': async ({ body, caller }) => {
      sameName('cluster-settings', body.metadata.name)
      judgeSettings(body.spec)
      const { resource } = await audit.change(
        caller,
        'cluster_settings.update',
        { ...body.spec },
        () => stores.settings.upsert(body),
      )
      return resource
    },

    'kube_clusters.list': async ({ caller }) => ({
      items: await visibleClusters(deps, caller),
      next: null,
    }),
    'kube_clusters.read': async ({ caller, params }) => {
      const visible = await visibleClusters(deps, caller)
      const found = visible.find((cluster) => cluster.metadata.name === params.name)
      if (found === undefined) throw clusterNotFound(params.name)
      return found
    },
    'kube_clusters.delete': async ({ caller, params }) => {
      const cluster = await kubeClusters.find(params.name)
      if (cluster === null) throw clusterNotFound(params.name)
      if (cluster.online) {
        throw new ApiError(
          'CONFLICT',
          `Kubernetes cluster "${params.name}" is online: stop the service that serves it first`,
        )
      }
      await audit.change(caller, 'kube.delete', { name: params.name }, () =>
        kubeClusters.forget(params.name),
      )
      return {}
    },

    'events.list': async ({ query }) => {
      const page = await deps.events.search({
        limit: query.limit ?? DEFAULT_PAGE_ITEMS,
        ...(query.after === undefined ? {} : { after: query.after }),
        ...(query.user === undefined ? {} : { user: query.user }),
        ...(query.kube_cluster === undefined ? {} : { kubeCluster: query.kube_cluster }),
        ...(query.event === undefined ? {} : { events: query.event.split(',') }),
        ...(query.from === undefined ? {} : { from: instant('from', query.from) }),
        ...(query.to === undefined ? {} : { to: instant('to', query.to) }),
        ...(query.order === undefined ? {} : { order: query.order }),
      })
      return { items: [...page.events], next: page.next }
    },
  }
}

function notYet(): never {
  throw new ApiError('INTERNAL', 'not there yet')
}

/** Refuses names that do not fit into certificates, and roles that do not exist. */
async function judgeUser(deps: ApiDeps, user: UserResource): Promise<void> {
  try {
    assertUserName(user.metadata.name)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', errorMessage(error), { cause: error })
  }
  await rolesOf(deps, user)
}

/** The parsed roles of a user, from the store and not from the snapshot: they may have been written a moment ago. */
async function rolesOf(deps: ApiDeps, user: UserResource): Promise<readonly Role[]> {
  const found = await Promise.all(
    user.spec.roles.map(async (name) => ({ name, resource: await deps.stores.roles.find(name) })),
  )
  const unknown = found.filter(({ resource }) => resource === null).map(({ name }) => name)
  if (unknown.length > 0) {
    throw new ApiError(
      'ROLE_UNKNOWN',
      `${unknown.length === 1 ? 'role' : 'roles'} ${unknown.map((name) => `"${name}"`).join(', ')} not found: create ${unknown.length === 1 ? 'it' : 'them'} first, or see "tctl get roles"`,
      { facts: { roles: unknown } },
    )
  }
  return found.flatMap(({ resource }) => (resource === null ? [] : [judgeRole(resource)]))
}

function judgeRole(resource: RoleResource): Role {
  try {
    return parseRole(resource)
  } catch (error) {
    throw new ApiError('BAD_REQUEST', errorMessage(error), { cause: error })
  }
}

/** Refuses what is no duration, and a retention so short that whoever may set it could erase his own traces. */
function judgeSettings(spec: ClusterSettingsResource['spec']): void {
  const ms = (path: string, text: string): number => {
    try {
      return parseDuration(text)
    } catch (error) {
      throw new ApiError('BAD_REQUEST', `${path}: ${errorMessage(error)}`, { cause: error })
    }
  }
  for (const [key, text] of Object.entries(spec)) ms(`spec.${key}`, text)
  const { audit_retention: retention } = spec
  if (retention === undefined) return
  if (ms('spec.audit_retention', retention) >= MIN_AUDIT_RETENTION_MS) return
  throw new ApiError(
    'BAD_REQUEST',
    `spec.audit_retention: ${retention} is shorter than ${formatDuration(MIN_AUDIT_RETENTION_MS)}: nobody could look at an event before it is gone`,
  )
}

const defaultTtlMs = (setting: string | undefined): number =>
  setting === undefined ? DEFAULT_SESSION_TTL_MS : parseDuration(setting)

/** A key of the wrong kind or a life beyond the authority's own is the caller's mistake, not ours. */
async function issueOrExplain(
  deps: ApiDeps,
  identity: UserIdentity,
  publicKeyPem: string,
  ttlMs: number,
): Promise<{ certificatePem: string; expiresAtMs: number }> {
  try {
    return await deps.authorities.issueUser({ identity, publicKeyPem, ttlMs })
  } catch (error) {
    throw new ApiError('BAD_REQUEST', `cannot sign: ${errorMessage(error)}`, { cause: error })
  }
}

/** RFC 3339 in the form in which events are stored, so that they compare as text. */
function instant(name: string, text: string): string {
  const ms = Date.parse(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(ms)) {
    throw new ApiError('BAD_REQUEST', `${name}: "${text}" is not a time like 2026-01-31T09:00:00Z`)
  }
  return new Date(ms).toISOString()
}

async function visibleClusters(deps: ApiDeps, caller: Caller): Promise<KubeClusterResource[]> {
  const clusters = await deps.kubeClusters.list()
  if (caller.identity.kind === 'admin') return clusters.map(resourceOfCluster)
  const subject = subjectOf(caller.identity, deps.access.current())
  if (subject === null) return []
  return clusters
    .filter((cluster) => clusterAccess(subject, cluster).effect === 'allow')
    .map(resourceOfCluster)
}

async function clustersOf(
  deps: ApiDeps,
  roles: readonly Role[],
  identity: UserIdentity,
): Promise<KubeClusterResource[]> {
  const subject = {
    user: identity.user,
    roles,
    traits: identity.traits,
    denyTraits: identity.traits,
  }
  const clusters = await deps.kubeClusters.list()
  return clusters
    .filter((cluster) => clusterAccess(subject, cluster).effect === 'allow')
    .map(resourceOfCluster)
}

function resourceOfCluster(cluster: KubeClusterStatus): KubeClusterResource {
  return {
    kind: 'kube_cluster',
    version: 'v3',
    metadata: { name: cluster.name, labels: { ...cluster.labels } },
    status: {
      server_name: cluster.serverName,
      online: cluster.online,
      last_seen: new Date(cluster.lastSeenMs).toISOString(),
    },
  }
}

const clusterNotFound = (name: string): ApiError =>
  new ApiError(
    'NOT_FOUND',
    `Kubernetes cluster "${name}" was not found (see "tctl get kube_clusters")`,
  )

function summary(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${name}"`)
  const rest = names.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}
