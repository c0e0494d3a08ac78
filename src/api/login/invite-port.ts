import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { endpoints } from '../../contract/index.ts'
import type { Logger } from '../../core/index.ts'
import type { ApiAudit } from '../audit-api.ts'
import { type Stranger, strangerFrom } from '../context.ts'
import { ApiError, apiStatus } from '../errors.ts'
import type { Handlers } from '../handler-types.ts'
import { errorBody, explainRefusal, retryAfterS } from '../refusal.ts'

/** An answer as it goes to a browser. */
export interface InviteAnswer {
  readonly status: number
  readonly body: unknown
  readonly retryAfterS: number | null
}

/**
 * The links for the web pages of a proxy in the same process: the same handlers, limits and events as for callers of the
 * API. `body` is what the browser sent, not yet judged; `address` is `ip:port`. Never rejects.
 */
export interface InvitePort {
  describe(body: unknown, address: string): Promise<InviteAnswer>
  accept(body: unknown, address: string): Promise<InviteAnswer>
}

export function createInvitePort(
  handlers: Pick<Handlers, 'invites.describe' | 'invites.accept'>,
  deps: { readonly audit: ApiAudit; readonly log: Logger },
): InvitePort {
  const answer = async <N extends 'invites.describe' | 'invites.accept'>(
    name: N,
    body: unknown,
    address: string,
    handle: (body: never, caller: Stranger) => Promise<unknown>,
  ): Promise<InviteAnswer> => {
    const { method, path, body: schema } = endpoints[name]
    const caller = strangerFrom(address)
    try {
      judgeBody(schema, body)
      return { status: 200, body: await handle(body as never, caller), retryAfterS: null }
    } catch (error) {
      const refusal = await explainRefusal(deps, error, { caller, method, path })
      return {
        status: apiStatus[refusal.code],
        body: errorBody(refusal),
        retryAfterS: retryAfterS(refusal),
      }
    }
  }
  const nothing = { params: {}, query: {} }
  return {
    describe: (body, address) =>
      answer('invites.describe', body, address, (judged, caller) =>
        handlers['invites.describe']({ ...nothing, caller, body: judged }),
      ),
    accept: (body, address) =>
      answer('invites.accept', body, address, (judged, caller) =>
        handlers['invites.accept']({ ...nothing, caller, body: judged }),
      ),
  }
}

/** Names what is wrong and where, never what was sent. */
function judgeBody(schema: TSchema, body: unknown): void {
  const [problem] = Value.Errors(schema, body)
  if (problem === undefined) return
  throw new ApiError('BAD_REQUEST', `body${problem.instancePath} ${problem.message}`)
}
