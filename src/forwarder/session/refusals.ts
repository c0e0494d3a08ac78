import type { Refusal } from '../refusal.ts'
import type { EndedBy } from './live-sessions.ts'

export const recordingUnavailable: Refusal = {
  code: 'RECORDING_UNAVAILABLE',
  reason: 'ServiceUnavailable',
  message:
    'sessions of yours must be recorded, and nothing can be recorded here at present: ask an administrator',
}

export const commandTooLong: Refusal = {
  code: 'COMMAND_TOO_LONG',
  reason: 'BadRequest',
  message:
    'a command of more than 512 KiB cannot be written to the audit log: give it to a shell on its stdin (kubectl exec -i … -- sh < script)',
}

export const tooManyLongCommands: Refusal = {
  code: 'TOO_MANY_REQUESTS',
  reason: 'TooManyRequests',
  message:
    'your commands are longer than one person may write to the audit log at once: wait a moment, or give scripts to a shell on its stdin (kubectl exec -i … -- sh < script)',
}

export const recordingLost: Refusal = {
  code: 'RECORDING_LOST',
  reason: 'ServiceUnavailable',
  message:
    'this session was ended because it cannot be recorded any more, and a role of yours needs that: ask an administrator',
}

export const tooManySessions = (max: number): Refusal => ({
  code: 'TOO_MANY_SESSIONS',
  reason: 'Forbidden',
  message: `you have ${max} ${max === 1 ? 'session' : 'sessions'} already, and a role of yours allows no more (max_kubernetes_connections): end one first`,
})

export const sessionsFull = (max: number): Refusal => ({
  code: 'SESSIONS_FULL',
  reason: 'ServiceUnavailable',
  message: `this service carries ${max} sessions already, as many as it can: try again when some have ended`,
})

export const sessionShareFull = (max: number): Refusal => ({
  code: 'TOO_MANY_SESSIONS',
  reason: 'Forbidden',
  message: `you have ${max} sessions at this service already, as many as one person may have: end one first`,
})

export const sessionEnded = ({ user, message }: EndedBy): Refusal => ({
  code: 'SESSION_ENDED',
  reason: 'Forbidden',
  message: `this session was ended by ${user}${message === '' ? '' : `: ${message}`}`,
  by: `user ${JSON.stringify(user)}`,
})
