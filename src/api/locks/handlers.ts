import type { LockResource } from '../../contract/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import type { ApiDeps } from '../context.ts'
import { mutable, pageOf, sameName } from '../handler-parts.ts'
import type { Handlers } from '../handler-types.ts'
import { judgeLock } from './judge-lock.ts'

/** Each is answered when what it changed is in force here. */
export function lockHandlers(
  { stores: { locks }, access, clock }: Pick<ApiDeps, 'stores' | 'access' | 'clock'>,
  audit: ApiAudit,
): Pick<Handlers, 'locks.list' | 'locks.read' | 'locks.create' | 'locks.upsert' | 'locks.delete'> {
  return {
    'locks.list': async ({ query }) => mutable(await locks.list(pageOf(query))),
    'locks.read': async ({ params }) => locks.read(params.name),
    'locks.create': async ({ body, caller }) => {
      const lock = judgeLock(body, clock.now())
      const created = await audit.change(caller, 'lock.created', factsOf(lock), () =>
        locks.create(lock),
      )
      await access.reached(Number(created.metadata.revision))
      return created
    },
    'locks.upsert': async ({ params, body, caller }) => {
      sameName(params.name, body.metadata.name)
      const lock = judgeLock(body, clock.now())
      const { resource } = await audit.change(caller, 'lock.created', factsOf(lock), () =>
        locks.upsert(lock),
      )
      await access.reached(Number(resource.metadata.revision))
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
