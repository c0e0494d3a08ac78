/**
 * audit is the vocabulary of events and the spool that keeps them until they are stored. `append` resolves when the event
 * is with the operating system (write(2)): `kill -9` of this process loses nothing that was acknowledged. A loss of power
 * may lose the last moments; that is the price of not waiting for the disk on each request.
 *
 * Trusts: its directory. Refuses: events when the spool is full or cannot be written; the caller then refuses the request.
 * Test: spool.test.ts, with a real kill -9.
 */
export {
  ENDED_PORT_CODE,
  type EventName,
  eventBase,
  eventCodes,
  eventTime,
  FAILED_EXEC_CODE,
  FAILED_PORT_CODE,
  REFUSED_JOIN_CODE,
  REFUSED_LOGIN_CODE,
  REFUSED_REQUEST_CODE,
} from './codes.ts'
export { encodeEvent } from './encode-event.ts'
export { AuditError, type AuditErrorCode } from './errors.ts'
export { defaultSpoolLimits, MAX_EVENT_BYTES, type SpoolLimits } from './limits.ts'
export { openSpool, type Spool, type SpoolStats } from './spool.ts'
export type {
  AuditEvent,
  AuditLog,
  AuditPage,
  AuditQuery,
  AuditReader,
  AuditSink,
  ConnectionFields,
  EncodedAuditLog,
  EncodedEvent,
  EventBase,
  GenericEvent,
  KubeRequestEvent,
  UserFields,
} from './types.ts'
export { eventUidOf, newEventUid } from './uid.ts'
export { defaultUnprovenLimits, UnprovenEvents, type UnprovenLimits } from './unproven.ts'
