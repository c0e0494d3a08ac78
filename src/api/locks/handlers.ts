import type { LockResource } from '../../contract/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import { mutable, pageOf, sameName } from '../handler-parts.ts'
import type { Handlers } from '../handler-types.ts'
import { judgeLock } from './judge-lock.ts'

/** Each is answered when what it changed is in force here. */
export function lockHandlers(
  deps: Pick<
    ApiDeps,
    'stores' | 'access' | 'clock' | 'joining' | 'kubeClusters' | 'proxies' | 'sessions'
  >,
  audit: ApiAudit,
): Pick<Handlers, 'locks.list' | 'locks.read' | 'locks.create' | 'locks.upsert' | 'locks.delete'> {
  const { access, clock, joining } = deps
  const { locks } = deps.stores
  /** Nobody is to be sent to a service that is locked out. */
  const leaveOut = async ({ spec }: LockResource): Promise<void> => {
    const { server_id: hostId } = spec.target
    if (hostId === undefined) return
    deps.sessions.forget(hostId)
    await Promise.all([deps.kubeClusters.withdrawAll(hostId), deps.proxies.withdraw(hostId)])
  }
  return {
    'locks.list': async ({ query }) => mutable(await locks.list(pageOf(query))),
    'locks.read': async ({ params }) => locks.read(params.name),
    'locks.create': async ({ body, caller }) => {
      const lock = judgeLock(body, clock.now(), joining.ownHostId)
      const created = await audit.change(caller, 'lock.created', factsOf(lock), () =>
        locks.create(lock),
      )
      await access.reached(Number(created.metadata.revision))
      await leaveOut(created)
      return created
    },
    'locks.upsert': async ({ params, body, caller }) => {
      sameName(params.name, body.metadata.name)
      const lock = judgeLock(body, clock.now(), joining.ownHostId)
      const { resource } = await audit.change(caller, 'lock.created', factsOf(lock), () =>
        locks.upsert(lock),
      )
      await access.reached(Number(resource.metadata.revision))
      await leaveOut(resource)
      return resource
    },
    'locks.delete': async ({ params, caller }) => {
      const { spec } = await locks.read(params.name)
      await audit.change(caller, 'lock.deleted', { name: params.name, target: spec.target }, () =>
        locks.delete(params.name),
      )
      return {}
    },
  }
}

const factsOf = ({ metadata, spec }: LockResource): Readonly<Record<string, unknown>> => ({
  name: metadata.name,
  target: spec.target,
  expires: spec.expires ?? null,
  message: spec.message ?? '',
})
