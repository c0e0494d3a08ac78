import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { type EndpointName, endpoints } from '../contract/index.ts'
import type { Logger } from '../core/index.ts'
import type { ApiAudit } from './audit-api.ts'
import { type Stranger, strangerFrom } from './context.ts'
import { ApiError, apiStatus } from './errors.ts'
import type { Handlers } from './handler-types.ts'
import { errorBody, explainRefusal, retryAfterS } from './refusal.ts'

/** Calls that pages make for somebody who proves himself by what he sends. */
export const strangerCalls = [
  'invites.describe',
  'invites.accept',
  'recording_views.open',
  'recording_views.describe',
  'recording_views.chunk',
] as const satisfies readonly EndpointName[]
export type StrangerCall = (typeof strangerCalls)[number]

/** An answer as it goes to a browser; the body of a refusal is the API's. */
export interface StrangerAnswer {
  readonly status: number
  readonly body: unknown
  readonly retryAfterS: number | null
}

/**
 * The API for the web pages of a proxy, in the same process or another: the same handlers, limits and events as for everybody else.
 * `body` is what the browser sent, not yet judged; `address` is `ip:port`. Never rejects.
 */
export interface StrangerPort {
  call(name: StrangerCall, body: unknown, address: string): Promise<StrangerAnswer>
}

export function createStrangerPort(
  handlers: Pick<Handlers, StrangerCall>,
  deps: { readonly audit: ApiAudit; readonly log: Logger },
): StrangerPort {
  return {
    async call(name, body, address) {
      const { method, path, body: schema } = endpoints[name]
      const caller = strangerFrom(address)
      // The table's types hold each handler and its body together; here any of them may be meant.
      const handle = handlers[name] as (call: {
        readonly caller: Stranger
        readonly params: object
        readonly query: object
        readonly body: unknown
      }) => Promise<unknown>
      try {
        judgeBody(schema, body)
        const answer = await handle({ caller, params: {}, query: {}, body })
        return { status: 200, body: answer, retryAfterS: null }
      } catch (error) {
        const refusal = await explainRefusal(deps, error, { caller, method, path })
        return {
          status: apiStatus[refusal.code],
          body: errorBody(refusal),
          retryAfterS: retryAfterS(refusal),
        }
      }
    },
  }
}

/** Names what is wrong and where, never what was sent. */
function judgeBody(schema: TSchema, body: unknown): void {
  const [problem] = Value.Errors(schema, body)
  if (problem === undefined) return
  throw new ApiError('BAD_REQUEST', `body${problem.instancePath} ${problem.message}`)
}
