import { errorMessage, parseDuration } from '../core/index.ts'
import { fieldsOf, invalid, isEmpty, textOf } from './fields.ts'
import type { LockMode, RoleOptions } from './types.ts'
import { judgeOptions, OFF, UNLIMITED } from './unenforced.ts'

const ENFORCED = [
  'client_idle_timeout',
  'disconnect_expired_cert',
  'lock',
  'max_session_ttl',
  'pin_source_ip',
]

const ON: readonly unknown[] = [true, 'true', 'yes', 'on']
const LOCK_MODES: readonly LockMode[] = ['strict', 'best_effort']

/** Reads the options of a role, whichever way the original lets them be written. Throws AuthzError. */
export function parseOptions(value: unknown, path: string): RoleOptions {
  const options = fieldsOf(value, path)
  judgeOptions(options, ENFORCED, path)
  return {
    maxSessionTtlMs: parsePeriod(options['max_session_ttl'], `${path}.max_session_ttl`),
    clientIdleTimeoutMs: parseTimeout(
      options['client_idle_timeout'],
      `${path}.client_idle_timeout`,
    ),
    disconnectExpiredCert: parseSwitch(
      options['disconnect_expired_cert'],
      `${path}.disconnect_expired_cert`,
    ),
    pinSourceIp: parseSwitch(options['pin_source_ip'], `${path}.pin_source_ip`),
    lock: parseLockMode(options['lock'], `${path}.lock`),
  }
}

function parsePeriod(value: unknown, path: string): number | null {
  if (value === undefined || value === null) return null
  try {
    const ms = parseDuration(textOf(value, path))
    if (ms === 0) throw new Error('must be above zero')
    return ms
  } catch (error) {
    throw invalid(path, errorMessage(error))
  }
}

const parseTimeout = (value: unknown, path: string): number | null =>
  isEmpty(value) || UNLIMITED.includes(value) ? null : parsePeriod(value, path)

function parseSwitch(value: unknown, path: string): boolean {
  if (isEmpty(value) || OFF.includes(value)) return false
  if (ON.includes(value)) return true
  throw invalid(path, 'must be true or false')
}

function parseLockMode(value: unknown, path: string): LockMode {
  if (isEmpty(value)) return 'best_effort'
  const mode = LOCK_MODES.find((known) => known === value)
  if (mode === undefined) throw invalid(path, `must be ${LOCK_MODES.join(' or ')}`)
  return mode
}
