import type { EventBase } from './types.ts'

/**
 * Every event that is written, with the original's names and codes; those marked "ours" have no counterpart there.
 * docs/audit-schema.md says when each is written and which fields it has.
 */
export const eventCodes = {
  'kube.request': 'T3009I',
  port: 'T3003I',
  auth: 'T3007W',
  'cert.create': 'TC000I',
  'user.login': 'T1000I',
  'user.create': 'T1002I',
  'user.update': 'T1003I',
  'user.delete': 'T1004I',
  'user.password_change': 'T1005I',
  'reset_password_token.create': 'T6000I',
  /** Ours: somebody looked at a link, and was shown a new secret. */
  'reset_password_token.read': 'T6001I',
  'role.created': 'T9000I',
  'role.deleted': 'T9001I',
  'role.updated': 'T9002I',
  'kube.create': 'T3010I',
  'kube.update': 'T3011I',
  'kube.delete': 'T3012I',
  /** Ours: somebody was shown kubeconfigs. */
  'kube.read': 'T3013I',
  'lock.created': 'TLK00I',
  'lock.deleted': 'TLK01I',
  'client.disconnect': 'T3006I',
  /** Ours: somebody ended a session. */
  'session.terminate': 'T2020I',
  'session.start': 'T2000I',
  resize: 'T2002I',
  'session.end': 'T2004I',
  'session.data': 'T2006I',
  'session.rejected': 'T1006W',
  /** Ours: something of a session is in no record. */
  'session.recording.gap': 'T2013W',
  exec: 'T3002I',
  'session.upload': 'T2005I',
  /** Ours, like the next: a link that shows a recording in a browser was made, and used. */
  'recording_link.create': 'TRL00I',
  'recording_link.use': 'TRL01I',
  'session.recording.access': 'T2012I',
  /** Ours: a recording is removed for good. */
  'session.recording.delete': 'TSR00I',
  'instance.join': 'TJ002I',
  'join_token.create': 'TJT00I',
  /** Ours, like the next: the original tells neither. */
  'join_token.delete': 'TJT01I',
  'instance.delete': 'TJ003I',
  /** Ours: the settings of this product are one resource. */
  'cluster_settings.update': 'TCSET001I',
} as const

export type EventName = keyof typeof eventCodes

/** The code of a `kube.request` that was refused or failed (ours: the original has T3009I only). */
export const REFUSED_REQUEST_CODE = 'T3009W'

/** The codes of a `port` whose connection ended, or came to nothing, as the original has them. */
export const ENDED_PORT_CODE = 'T3003S'
export const FAILED_PORT_CODE = 'T3003E'

/** The code of an `exec` whose command failed, or whose end nobody learnt, as the original has it. */
export const FAILED_EXEC_CODE = 'T3002E'

/** The code of a `user.login` that was refused, as the original has it. */
export const REFUSED_LOGIN_CODE = 'T1000W'

/** The code of an `instance.join` that was refused, as the original has it. */
export const REFUSED_JOIN_CODE = 'TJ002E'

let told = { ms: Number.NaN, text: '' }

/** RFC 3339 with milliseconds, UTC. Under load many events have the same, and making it is not free. */
export function eventTime(ms: number): string {
  if (told.ms !== ms) told = { ms, text: new Date(ms).toISOString() }
  return told.text
}

/** The fields that every event begins with. Pure: time and uid come from the caller. */
export function eventBase<Name extends EventName>(
  event: Name,
  facts: { readonly clusterName: string; readonly nowMs: number; readonly uid: string },
): EventBase & { readonly event: Name; readonly code: (typeof eventCodes)[Name] } {
  return {
    event,
    code: eventCodes[event],
    time: eventTime(facts.nowMs),
    uid: facts.uid,
    cluster_name: facts.clusterName,
  }
}
