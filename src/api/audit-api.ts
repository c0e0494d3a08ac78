import { type EventName, eventBase, newEventUid, type UnprovenEvents } from '../audit/index.ts'
import { errorCode, errorMessage, hostOf } from '../core/index.ts'
import type { ApiDeps, Caller } from './context.ts'
import { ApiError } from './errors.ts'

/** Who is named in an event. */
export type Who = Pick<Caller, 'user' | 'roles' | 'address'>
type Fields = Readonly<Record<string, unknown>>

/** The audit log as handlers of the API use it. All reject with AUDIT_UNAVAILABLE when an event cannot be written. */
export interface ApiAudit {
  /** Writes one event; the call is answered only after the event is in the spool. */
  note(caller: Who, event: EventName, fields: Fields): Promise<void>
  /** The same, but many of one name become one event, as those of strangers do. */
  gather(caller: Who, event: EventName, fields: Fields): Promise<void>
  /**
   * Makes a change between two events of one uid, as `kube.request` has them: before it, `started`, and after it, `done` or
   * `failed`. So nothing changes without a trace, also when the process dies in the middle.
   */
  change<T>(
    caller: Who,
    event: EventName,
    fields: Fields,
    make: () => Promise<T>,
    /** What it turned out to be, when that is known only afterwards. */
    eventOf?: (made: T) => EventName,
  ): Promise<T>
}

export function auditApi(
  deps: Pick<ApiDeps, 'audit' | 'clock' | 'clusterName'>,
  unproven: UnprovenEvents,
): ApiAudit {
  const write = async (
    { caller, uid, nowMs }: { caller: Who; uid: string; nowMs: number },
    event: EventName,
    fields: Fields,
    gathered = false,
  ): Promise<void> => {
    const whole = {
      ...eventBase(event, { clusterName: deps.clusterName, nowMs, uid }),
      user: caller.user,
      user_roles: caller.roles,
      'addr.remote': caller.address,
      proto: 'api',
      ...fields,
    } as const
    try {
      // Nobody proved who he is: such events are gathered beyond a rate.
      if (caller.user === '') await unproven.append(whole, hostOf(caller.address))
      else if (gathered) await unproven.append(whole, `user ${caller.user}`)
      else await deps.audit.append(whole)
    } catch (error) {
      const words = `the audit log cannot be written: ${errorMessage(error)}`
      throw new ApiError('AUDIT_UNAVAILABLE', words, { cause: error })
    }
  }
  const begin = (caller: Who): { caller: Who; uid: string; nowMs: number } => {
    const nowMs = deps.clock.now()
    return { caller, nowMs, uid: newEventUid(nowMs) }
  }
  return {
    note: (caller, event, fields) => write(begin(caller), event, fields),
    gather: (caller, event, fields) => write(begin(caller), event, fields, true),
    async change(caller, event, fields, make, eventOf = () => event) {
      const one = begin(caller)
      await write(one, event, { ...fields, outcome: 'started' })
      let made: Awaited<ReturnType<typeof make>>
      try {
        made = await make()
      } catch (error) {
        await write(one, event, {
          ...fields,
          outcome: 'failed',
          error_code: errorCode(error) ?? 'INTERNAL',
          error: errorMessage(error),
        })
        throw error
      }
      await write(one, eventOf(made), { ...fields, outcome: 'done' })
      return made
    },
  }
}
