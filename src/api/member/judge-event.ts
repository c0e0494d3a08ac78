import { type AuditEvent, MAX_EVENT_BYTES } from '../../audit/index.ts'

/** What a kubernetes service writes; everything else is said by somebody else. */
const EVENTS_OF_KUBE: ReadonlySet<string> = new Set([
  'kube.request',
  'client.disconnect',
  'session.start',
  'session.data',
  'session.end',
  'session.rejected',
  'session.recording.gap',
  'exec',
  'resize',
  'port',
])
/** As `eventTime` writes it: times are compared as text. */
const EVENT_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const MAX_UID_CHARS = 64

/**
 * Why a service may not speak for an event, or null. An agent that was taken over can be silent or lie about its own clusters;
 * it must not put words into the mouth of another, nor of people at the management API.
 */
export function judgeEvent(
  event: AuditEvent,
  from: { readonly hostId: string; readonly clusterName: string; readonly bytes: number },
): string | null {
  if (!EVENTS_OF_KUBE.has(event.event))
    return `${event.event} is not an event of a kubernetes service`
  if (event.cluster_name !== from.clusterName) return 'it is of another Teleport cluster'
  if (event['server_id'] !== from.hostId) return 'it names another service'
  if (typeof event['kubernetes_cluster'] !== 'string') return 'it names no Kubernetes cluster'
  if (!EVENT_TIME.test(event.time)) return 'its time is none'
  if (event.uid === '' || event.uid.length > MAX_UID_CHARS) return 'its uid is none'
  if (from.bytes > MAX_EVENT_BYTES) return `it is larger than ${MAX_EVENT_BYTES} bytes`
  return null
}
