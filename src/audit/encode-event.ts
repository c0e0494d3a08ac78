import type { AuditEvent, EncodedEvent } from './types.ts'

/** The form in which an event is written and stored. */
export const encodeEvent = (event: AuditEvent): EncodedEvent =>
  encodedAs(event, Buffer.from(JSON.stringify(event), 'utf8'))

/** What an earlier process wrote. Throws when it is not the JSON of an event. */
export function decodeEvent(json: Buffer): EncodedEvent {
  return encodedAs(JSON.parse(json.toString('utf8')) as AuditEvent, json)
}

function encodedAs(event: AuditEvent, json: Buffer): EncodedEvent {
  const { user, kubernetes_cluster: kubeCluster, outcome } = event
  return {
    uid: event.uid,
    time: event.time,
    event: event.event,
    user: textOr(user),
    kubeCluster: textOr(kubeCluster),
    final: outcome !== 'started',
    json,
  }
}

const textOr = (value: unknown): string | null => (typeof value === 'string' ? value : null)
