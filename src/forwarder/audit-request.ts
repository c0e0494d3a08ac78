import type { EncodedEvent, GenericEvent, KubeRequestEvent } from '../audit/index.ts'
import { errorMessage } from '../core/index.ts'
import type { AllowedRequest } from './allowed-request.ts'
import type { HandlerDeps } from './deps.ts'
import type { Refusal } from './refusal.ts'

/** Writes an event; false when the request must not go on without it. Under `best_effort` only the log knows. */
export const commit = (deps: HandlerDeps, event: EncodedEvent): Promise<boolean> =>
  written(deps, event.uid, deps.audit.appendEncoded(event))

/** Notes that a stream was cut and why. It is cut whether or not that can be written. */
export function noteCut(
  deps: HandlerDeps,
  { stream, events }: AllowedRequest,
  refusal: Refusal,
): void {
  if (stream === null || refusal.code === 'SHUTTING_DOWN') return
  const event = events.cut(refusal, deps.clock.now())
  void written(deps, event.uid, deps.audit.append(event))
}

/** As `commit`, for an event beside those of requests. */
export const commitEvent = (deps: HandlerDeps, event: GenericEvent): Promise<boolean> =>
  written(deps, event.uid, deps.audit.append(event))

/** As `commit`, for a request whose sender proved nothing; many of one address become one event. */
export const commitUnproven = (
  deps: HandlerDeps,
  event: KubeRequestEvent,
  address: string,
): Promise<boolean> => written(deps, event.uid, deps.unproven.append(event, address))

function written(deps: HandlerDeps, uid: string, appended: Promise<void>): Promise<boolean> {
  return appended.then(
    () => true,
    (error: unknown) => {
      deps.log.error(
        { error: errorMessage(error), uid, mode: deps.auditMode },
        'an audit event cannot be written',
      )
      return deps.auditMode === 'best_effort'
    },
  )
}

export const auditRefusal = {
  code: 'AUDIT_UNAVAILABLE',
  reason: 'ServiceUnavailable',
  message:
    'the audit log cannot be written, and nothing is served without it: ask an administrator',
} as const

/** For a mutation that began with an event in the audit log, and whose end can no longer be written. */
export const auditRefusalAfterwards = {
  ...auditRefusal,
  message:
    'the request was carried out, but its end cannot be written to the audit log: ask an administrator',
} as const
