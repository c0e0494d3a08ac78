import type { AuditSink, EncodedEvent } from '../../audit/index.ts'
import { type BodyOf, MEMBER_EVENTS_MOST } from '../../contract/index.ts'
import type { Logger } from '../../core/index.ts'
import type { MemberCall } from '../ports.ts'
import { EVENTS_CALL_BYTES } from './limits.ts'

/**
 * Stores events in the auth service, which takes each uid once: what was delivered without our hearing of it may be delivered
 * again. Rejects when it cannot be reached; the spool then keeps them.
 */
export function createRemoteSink(call: MemberCall, log: Logger): AuditSink {
  return {
    async store(events) {
      for (const batch of batchesOf(events)) {
        // What the spool holds is what our own encoder wrote.
        const body = batch.map(({ json }) => JSON.parse(json.toString('utf8')) as EventBody)
        const { refused } = await call('member.events', { body: { events: body } })
        for (const { uid, message } of refused) {
          log.error({ uid, reason: message }, 'the auth service refuses an audit event')
        }
      }
    },
  }
}

type EventBody = BodyOf<'member.events'>['events'][number]

/** In order, each as large as a call may be; an event that is larger goes alone. */
export function batchesOf(events: readonly EncodedEvent[]): EncodedEvent[][] {
  const batches: EncodedEvent[][] = []
  let bytes = 0
  for (const event of events) {
    const last = batches.at(-1)
    const fits =
      last !== undefined &&
      last.length < MEMBER_EVENTS_MOST &&
      bytes + event.json.length <= EVENTS_CALL_BYTES
    if (fits) {
      last.push(event)
      bytes += event.json.length
    } else {
      batches.push([event])
      bytes = event.json.length
    }
  }
  return batches
}
