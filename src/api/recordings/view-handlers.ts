import { hostOf } from '../../core/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import { subjectOf } from '../authorize-call.ts'
import type { ApiDeps, Caller, Stranger } from '../context.ts'
import { ApiError } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { assertUnbarred } from '../locks/assert-unbarred.ts'
import { throttled } from '../login/throttled.ts'
import { recordingHandlers } from './handlers.ts'
import type { Ticket } from './view-tickets.ts'

export type ViewHandlers = Pick<
  Handlers,
  'recordings.link' | 'recording_views.open' | 'recording_views.describe' | 'recording_views.chunk'
>

/**
 * A recording in a browser. Who holds a view is whom its link was made for, as he is today: whoever was locked out, or lost the role that
 * showed him the recording, sees nothing more of it.
 */
export function recordingViewHandlers(
  deps: Pick<ApiDeps, 'recordings' | 'access' | 'clock' | 'viewTickets' | 'webUrl' | 'localUsers'>,
  audit: ApiAudit,
): ViewHandlers {
  const { access, viewTickets, webUrl, localUsers } = deps
  const shown = recordingHandlers(deps, {
    ...audit,
    note: (caller, event, fields) => audit.note(caller, event, { ...fields, method: 'web' }),
  })
  const nothing = { query: {}, body: undefined }

  const get = (caller: Caller, id: string): ReturnType<Handlers['recordings.get']> =>
    shown['recordings.get']({ ...nothing, caller, params: { id } })

  /** Throws what bars him now. */
  const callerOf = ({ identity, certifiedUntilMs }: Ticket, { address }: Stranger): Caller => {
    const { user, roles } = identity
    const caller = { identity, user, roles, address, expiresAtMs: certifiedUntilMs }
    const snapshot = access.current()
    const subject = subjectOf(identity, snapshot)
    if (subject === null) throw new ApiError('ACCESS_DENIED', 'this user does not exist any more')
    assertUnbarred(deps, caller, subject, snapshot)
    return caller
  }

  const viewOf = async (
    stranger: Stranger,
    { id, view }: { readonly id: string; readonly view: string },
  ): Promise<{ caller: Caller; expiresAtMs: number }> => {
    const found = await viewTickets.find(id, view)
    if (found === null) {
      throw new ApiError(
        'RECORDING_VIEW_ENDED',
        'what the link opened has ended: open the recording anew with "tsh recordings open"',
      )
    }
    return { caller: callerOf(found.ticket, stranger), expiresAtMs: found.expiresAtMs }
  }

  return {
    'recordings.link': async ({ caller, params }) => {
      const { id } = params
      await get(caller, id)
      const made = await audit.change(caller, 'recording_link.create', { sid: id }, () =>
        viewTickets.createLink({
          recording: id,
          identity: caller.identity,
          certifiedUntilMs: caller.expiresAtMs,
        }),
      )
      const path = `/web/recordings/${id}#${made.token}`
      return {
        token: made.token,
        path,
        url: webUrl === null ? null : webUrl + path,
        expires: new Date(made.expiresAtMs).toISOString(),
      }
    },

    'recording_views.open': async ({ caller, body }) => {
      const redeemed = await viewTickets.redeem(body.id, body.token)
      if (redeemed === 'used') {
        throw new ApiError(
          'RECORDING_LINK_USED',
          'this link was used already: it opens a recording once',
          { facts: { sid: body.id } },
        )
      }
      if (redeemed === 'unknown') {
        // Nobody guesses one, but whoever tries is slowed down.
        const waitMs = localUsers.logins.countStray(hostOf(caller.address))
        if (waitMs > 0) throw throttled(waitMs)
        throw new ApiError(
          'RECORDING_LINK_INVALID',
          'this link is not valid (any more): "tsh recordings open" makes a new one',
        )
      }
      const viewer = callerOf(redeemed.ticket, caller)
      await get(viewer, body.id)
      await audit.note(viewer, 'recording_link.use', { sid: body.id })
      return { view: redeemed.token, expires: new Date(redeemed.expiresAtMs).toISOString() }
    },

    'recording_views.describe': async ({ caller, body }) => {
      const view = await viewOf(caller, body)
      return {
        recording: await get(view.caller, body.id),
        viewer: view.caller.user,
        expires: new Date(view.expiresAtMs).toISOString(),
      }
    },

    'recording_views.chunk': async ({ caller, body }) => {
      const view = await viewOf(caller, body)
      const { encrypted } = await get(view.caller, body.id)
      if (encrypted) {
        throw new ApiError(
          'RECORDING_ENCRYPTED',
          'the recording is encrypted: whoever has the key plays it with "tsh play"',
          { facts: { sid: body.id } },
        )
      }
      return shown['recordings.chunk']({
        ...nothing,
        caller: view.caller,
        params: { id: body.id, index: String(body.index) },
      })
    },
  }
}
