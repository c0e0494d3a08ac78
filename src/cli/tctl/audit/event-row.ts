import type { AuditEventResource } from '../../../contract/index.ts'

export const EVENT_HEADERS = ['Time', 'Event', 'User', 'Cluster', 'What', 'Result', 'Decided by']
const WHAT = EVENT_HEADERS.indexOf('What')
/** A command may have 512 KiB, and one of them would push all other columns out of sight; JSON and YAML have the whole of it. */
const WHAT_WIDTH = 80

/** One event as the cells of a line. */
export function eventRow(event: AuditEventResource): string[] {
  const field = (name: string): string => {
    const value = (event as Record<string, unknown>)[name]
    return value === undefined || value === null ? '' : String(value)
  }
  const isRequest = event.event === 'kube.request'
  return [
    event.time,
    event.event,
    field('user'),
    field('kubernetes_cluster'),
    isRequest ? requested(field) : subject(field) || certified(event) || field('error'),
    isRequest ? answered(field) : event.code,
    isRequest ? field('decided_by') : '',
  ]
}

/** The same where a table has to stay one. */
export function shortEventRow(event: AuditEventResource): string[] {
  return eventRow(event).map((cell, column) =>
    column === WHAT && cell.length > WHAT_WIDTH ? `${cell.slice(0, WHAT_WIDTH - 1)}…` : cell,
  )
}

type Field = (name: string) => string

function requested(field: Field): string {
  const subresource = field('resource_subresource')
  const resource = field('resource_kind') + (subresource === '' ? '' : `/${subresource}`)
  const place = joined('/', field('resource_namespace'), field('resource_name'))
  return resource === ''
    ? `${field('verb')} ${field('request_path')}`
    : `${field('kube_verb')} ${resource} ${place}`.trimEnd()
}

function answered(field: Field): string {
  const code = field('response_code')
  return code === '0' ? field('outcome') : `${code} ${field('outcome')}`
}

/** What an event is about: of a session the pod and what was done there. */
function subject(field: Field): string {
  const place = joined('/', field('kubernetes_pod_namespace'), field('kubernetes_pod_name'))
  const pod = place === '' ? '' : joined(':', place, field('port'))
  const command = field('command') || field('initial_command')
  return joined(': ', field('name') || pod, command)
}

/** Of a certificate the person, or what the service serves. */
function certified(event: AuditEventResource): string {
  const { identity, kubernetes_clusters: clusters } = event as {
    readonly identity?: { readonly user?: unknown }
    readonly kubernetes_clusters?: unknown
  }
  if (identity?.user !== undefined) return `for ${String(identity.user)}`
  return Array.isArray(clusters) ? `for ${clusters.join(', ')}` : ''
}

const joined = (between: string, ...parts: readonly string[]): string =>
  parts.filter((part) => part !== '').join(between)
