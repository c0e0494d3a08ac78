import { type EventName, eventBase, newEventUid } from '../audit/index.ts'
import { errorMessage } from '../core/index.ts'
import type { ApiDeps, Caller } from './context.ts'
import { ApiError } from './errors.ts'

/** Writes one event about an API call; the call is answered only after the event is in the spool. */
export type AuditApi = (
  caller: Pick<Caller, 'user' | 'roles' | 'address'>,
  event: EventName,
  fields: Readonly<Record<string, unknown>>,
) => Promise<void>

/** Rejects with AUDIT_UNAVAILABLE when the event cannot be written. */
export function auditApi(deps: Pick<ApiDeps, 'audit' | 'clock' | 'clusterName'>): AuditApi {
  return async (caller, event, fields) => {
    const nowMs = deps.clock.now()
    try {
      await deps.audit.append({
        ...eventBase(event, {
          clusterName: deps.clusterName,
          nowMs,
          uid: newEventUid(nowMs),
        }),
        user: caller.user,
        user_roles: caller.roles,
        'addr.remote': caller.address,
        proto: 'api',
        ...fields,
      })
    } catch (error) {
      throw new ApiError(
        'AUDIT_UNAVAILABLE',
        `the audit log cannot be written: ${errorMessage(error)}`,
        {
          cause: error,
        },
      )
    }
  }
}
