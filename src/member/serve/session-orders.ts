import { SESSIONS_BEAT_MS } from '../../contract/index.ts'
import type { Logger } from '../../core/index.ts'
import { pause } from '../../waits/index.ts'
import type { MemberCall } from '../ports.ts'

/** Ends a session of this service in words. False: there is none. */
export type EndsSessions = (
  sessionId: string,
  by: { readonly user: string; readonly message: string },
) => boolean

/** Orders of which the auth service is told in one call that they are done. */
const DONE_AT_ONCE = 1000

/**
 * Ends the sessions that the auth service names, as soon as it does. It names each until it hears that it was done; one that
 * is named again, or has ended by itself, is done already.
 */
export function followSessionOrders(options: {
  /** Calls that wait for news. */
  readonly call: MemberCall
  readonly end: EndsSessions
  readonly log: Logger
}): Disposable {
  const { call, end, log } = options
  const stop = new AbortController()
  const { signal } = stop
  let done: string[] = []

  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      const telling = done.slice(0, DONE_AT_ONCE)
      try {
        const { orders } = await call('member.session_orders', { body: { done: telling } })
        if (signal.aborted) return
        done = done.slice(telling.length)
        for (const { id, session_id: session, user, message } of orders) {
          const ended = end(session, { user, message })
          log.info({ session, by: user, ended }, 'a session is ended by order')
          done.push(id)
        }
      } catch {
        // That the auth service is away is said by those who bring it news.
        await pause(SESSIONS_BEAT_MS, signal)
      }
    }
  }
  void follow()
  return { [Symbol.dispose]: () => stop.abort() }
}
