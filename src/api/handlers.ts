import type { AuditPage, AuditQuery } from '../audit/index.ts'
import type { ClusterSettingsResource } from '../contract/index.ts'
import { errorCode, errorMessage, formatDuration, parseDuration } from '../core/index.ts'
import type { ApiAudit } from './audit-api.ts'
import type { ApiDeps } from './context.ts'
import { ApiError } from './errors.ts'
import { eventNamesOf } from './event-names.ts'
import { mutable, pageOf, sameName } from './handler-parts.ts'
import type { Handlers } from './handler-types.ts'
import { joinHandlers } from './join/handlers.ts'
import { inventoryHandlers } from './join/inventory.ts'
import { tokenHandlers } from './join/tokens.ts'
import { kubeHandlers } from './kube/handlers.ts'
import { dynamicClustersHandler } from './kube/member-handler.ts'
import {
  DEFAULT_PAGE_ITEMS,
  MAX_OFFLINE_ACCESS_MS,
  MIN_AUDIT_RETENTION_MS,
  MIN_OFFLINE_ACCESS_MS,
} from './limits.ts'
import { lockHandlers } from './locks/handlers.ts'
import { loginHandlers } from './login/handlers.ts'
import { inviteHandlers } from './login/invites.ts'
import { selfHandlers } from './login/self.ts'
import { memberHandlers } from './member/handlers.ts'
import type { MemberStateFeed } from './member/state-feed.ts'
import type { Waiters } from './member/waiters.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { recordingHandlers } from './recordings/handlers.ts'
import { createRecordingIntake } from './recordings/intake.ts'
import { memberRecordingHandlers } from './recordings/member-handlers.ts'
import { recordingViewHandlers } from './recordings/view-handlers.ts'
import { sessionHandlers } from './sessions/handlers.ts'
import { memberSessionHandlers } from './sessions/member-handlers.ts'
import { userHandlers } from './user-handlers.ts'
import { judgeRole } from './user-roles.ts'

/** What calls of members wait for. */
interface Waiting {
  readonly feed: MemberStateFeed
  /** For dynamic clusters. */
  readonly waiters: Waiters
  /** For sessions that are to end. */
  readonly orderWaiters: Waiters
}

/** `openApi` is asked late, since the document is complete only when all routes are registered. */
export function createHandlers(
  deps: ApiDeps,
  audit: ApiAudit,
  openApi: () => Record<string, unknown>,
  { feed, waiters, orderWaiters }: Waiting,
): Handlers {
  const { stores, authorities, kubeClusters } = deps
  const alone = oneAtATime()

  return {
    'status.read': async ({ caller }) => ({
      cluster_name: deps.clusterName,
      version: deps.version,
      ca_pins: [authorities.caPin],
      kube_addr: deps.kubeAddress(),
      user: caller.user,
    }),

    'openapi.read': async () => openApi(),
    'stats.read': async () => deps.stats.read(await kubeClusters.list()),

    ...userHandlers(deps, audit, alone),
    ...kubeHandlers(deps, audit, alone),
    ...dynamicClustersHandler(deps, waiters),
    ...inviteHandlers(deps, audit),
    ...loginHandlers(deps, audit),
    ...selfHandlers(deps),
    ...lockHandlers(deps, audit),
    ...memberHandlers(deps, audit, feed),
    ...joinHandlers(deps, audit),
    ...tokenHandlers(deps, audit),
    ...inventoryHandlers(deps, audit),
    ...recordingHandlers(deps, audit),
    ...recordingViewHandlers(deps, audit),
    ...memberRecordingHandlers(deps, createRecordingIntake(deps)),
    ...sessionHandlers(deps, audit),
    ...memberSessionHandlers(deps, audit, orderWaiters),

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
    'roles.delete': ({ params, caller }) =>
      alone(async () => {
        await stores.roles.read(params.name)
        await assertUnheld(stores, params.name)
        await audit.change(caller, 'role.deleted', { name: params.name }, () =>
          stores.roles.delete(params.name),
        )
        return {}
      }),

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

    'events.list': async ({ query }) => {
      const page = await searchOrExplain(deps, {
        limit: query.limit ?? DEFAULT_PAGE_ITEMS,
        ...(query.after === undefined ? {} : { after: query.after }),
        ...(query.user === undefined ? {} : { user: query.user }),
        ...(query.kube_cluster === undefined ? {} : { kubeCluster: query.kube_cluster }),
        ...(query.event === undefined ? {} : { events: eventNamesOf(query.event) }),
        ...(query.from === undefined ? {} : { from: instant('from', query.from) }),
        ...(query.to === undefined ? {} : { to: instant('to', query.to) }),
        ...(query.order === undefined ? {} : { order: query.order }),
      })
      return { items: [...page.events], next: page.next }
    },
  }
}

/** Throws ROLE_IN_USE while users hold the role: what it denies them must not vanish. */
async function assertUnheld({ users }: ApiDeps['stores'], role: string): Promise<void> {
  const holders: string[] = []
  for await (const user of users.all()) {
    if (user.spec.roles.includes(role)) holders.push(user.metadata.name)
  }
  if (holders.length === 0) return
  throw new ApiError(
    'ROLE_IN_USE',
    `role "${role}" is held by ${summary(holders)}: take it away first (tctl users update --set-roles)`,
    { facts: { role, users: holders } },
  )
}

/** A page that is none is the caller's mistake, not ours. */
async function searchOrExplain({ events }: ApiDeps, query: AuditQuery): Promise<AuditPage> {
  try {
    return await events.search(query)
  } catch (error) {
    if (errorCode(error) !== 'CURSOR_INVALID') throw error
    throw new ApiError('BAD_REQUEST', `after: ${errorMessage(error)}`, { cause: error })
  }
}

/** Refuses what is no duration, a retention so short that whoever may set it could erase his own traces, and what undoes removals. */
function judgeSettings(spec: ClusterSettingsResource['spec']): void {
  const ms = (path: string, text: string): number => {
    try {
      return parseDuration(text)
    } catch (error) {
      throw new ApiError('BAD_REQUEST', `${path}: ${errorMessage(error)}`, { cause: error })
    }
  }
  for (const [key, text] of Object.entries(spec)) ms(`spec.${key}`, text)
  const atLeast = (key: keyof typeof spec, leastMs: number, why: string): void => {
    const text = spec[key]
    if (text === undefined || ms(`spec.${key}`, text) >= leastMs) return
    const words = `spec.${key}: ${text} is shorter than ${formatDuration(leastMs)}: ${why}`
    throw new ApiError('BAD_REQUEST', words)
  }
  atLeast(
    'audit_retention',
    MIN_AUDIT_RETENTION_MS,
    'nobody could look at an event before it is gone',
  )
  atLeast(
    'offline_access_ttl',
    MIN_OFFLINE_ACCESS_MS,
    'a restart of the auth service would end access everywhere',
  )
  const { offline_access_ttl: ttl } = spec
  if (ttl === undefined || ms('spec.offline_access_ttl', ttl) <= MAX_OFFLINE_ACCESS_MS) return
  const most = formatDuration(MAX_OFFLINE_ACCESS_MS)
  throw new ApiError(
    'BAD_REQUEST',
    `spec.offline_access_ttl: ${ttl} is longer than ${most}: certificates of services would outlive their removal`,
  )
}

/** RFC 3339 in the form in which events are stored, so that they compare as text. */
function instant(name: string, text: string): string {
  const ms = Date.parse(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(ms)) {
    throw new ApiError('BAD_REQUEST', `${name}: "${text}" is not a time like 2026-01-31T09:00:00Z`)
  }
  return new Date(ms).toISOString()
}

function summary(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => `"${name}"`)
  const rest = names.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}
