import { errorMessage, parseDuration } from '../core/index.ts'
import { type Fields, fieldsOf, invalid, isEmpty, textOf } from './fields.ts'
import type { LockMode, RoleOptions } from './types.ts'
import { judgeOptions, OFF, UNLIMITED } from './unenforced.ts'

const ENFORCED = [
  'client_idle_timeout',
  'disconnect_expired_cert',
  'lock',
  'max_kubernetes_connections',
  'max_session_ttl',
  'pin_source_ip',
  'record_session',
]

const ON: readonly unknown[] = [true, 'true', 'yes', 'on']
const MODES: readonly LockMode[] = ['strict', 'best_effort']
/** Of `record_session`; sessions of SSH and desktops there are none. */
const RECORDED: readonly string[] = ['default', 'kube', 'k8s', 'stdin', 'ssh', 'desktop']

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
    lock: parseMode(options['lock'], `${path}.lock`),
    maxKubernetesConnections: parseCount(
      options['max_kubernetes_connections'],
      `${path}.max_kubernetes_connections`,
    ),
    ...parseRecording(fieldsOf(options['record_session'], `${path}.record_session`), path),
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

function parseCount(value: unknown, path: string): number | null {
  if (isEmpty(value) || UNLIMITED.includes(value)) return null
  const count = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1) {
    throw invalid(path, 'must be a whole number above zero, or 0 for no limit')
  }
  return count
}

function parseSwitch(value: unknown, path: string): boolean {
  if (isEmpty(value) || OFF.includes(value)) return false
  if (ON.includes(value)) return true
  throw invalid(path, 'must be true or false')
}

function parseMode(value: unknown, path: string): LockMode {
  if (isEmpty(value)) return 'best_effort'
  const mode = MODES.find((known) => known === value)
  if (mode === undefined) throw invalid(path, `must be ${MODES.join(' or ')}`)
  return mode
}

/** `k8s` is the original's name of what is `kube` here; either counts more than `default`. */
function parseRecording(
  modes: Fields,
  optionsPath: string,
): Pick<RoleOptions, 'recordSession' | 'recordStdin'> {
  const path = `${optionsPath}.record_session`
  for (const kind of Object.keys(modes)) {
    if (!RECORDED.includes(kind)) throw invalid(`${path}.${kind}`, 'is not a kind of session')
  }
  const modeOf = (kind: string): LockMode | null =>
    isEmpty(modes[kind])
      ? null
      : parseMode(OFF.includes(modes[kind]) ? null : modes[kind], `${path}.${kind}`)
  const kube = [modeOf('kube'), modeOf('k8s')].filter((mode) => mode !== null)
  const counting = kube.length === 0 ? [modeOf('default')] : kube
  return {
    recordSession: counting.includes('strict') ? 'strict' : 'best_effort',
    recordStdin: parseSwitch(modes['stdin'], `${path}.stdin`),
  }
}
