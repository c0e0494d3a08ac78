import type { StrangerCall, StrangerPort } from '../api/index.ts'
import { servePost, type WebRoute } from './web-calls.ts'

const CALLS: ReadonlyMap<string, StrangerCall> = new Map([
  ['/webapi/invites/describe', 'invites.describe'],
  ['/webapi/invites/accept', 'invites.accept'],
])

/**
 * `POST /webapi/invites/describe` and `/accept`: the pages behind links of `tctl users add` and `reset`. JSON in and out,
 * without cookies and for pages of this origin only; nothing of an answer is kept anywhere.
 */
export function createInviteRoutes(strangers: StrangerPort): WebRoute {
  return (request, response, address) => {
    const call = CALLS.get(request.url ?? '')
    if (call === undefined) return false
    void servePost(request, response, (body) => strangers.call(call, body, address))
    return true
  }
}
