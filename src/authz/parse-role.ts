import { errorMessage, parseDuration } from '../core/index.ts'
import { AuthzError } from './errors.ts'
import { compilePattern, isRegex, MAX_PATTERN_CHARS } from './pattern.ts'
import { assertTemplate, isTemplate } from './template.ts'
import type { ApiRule, LabelSelector, Role, RoleConditions, RoleVersion } from './types.ts'

const VERSIONS: readonly RoleVersion[] = ['v3', 'v4', 'v5', 'v6', 'v7', 'v8']

/** Fields that say nothing about Kubernetes: kept in the resource, without effect here. */
const HARMLESS_CONDITIONS: ReadonlySet<string> = new Set([
  'node_labels',
  'node_labels_expression',
  'app_labels',
  'app_labels_expression',
  'db_labels',
  'db_labels_expression',
  'db_names',
  'db_users',
  'db_roles',
  'db_service_labels',
  'windows_desktop_labels',
  'windows_desktop_logins',
  'aws_role_arns',
  'azure_identities',
  'gcp_service_accounts',
  'host_groups',
  'host_sudoers',
  'cluster_labels',
  'request',
  'review_requests',
  'impersonate',
  'join_sessions',
  'desktop_groups',
])
/** Restrictions that this version does not enforce; to ignore one would give away what it forbids. */
const UNENFORCED_CONDITIONS: Readonly<Record<string, string>> = {
  kubernetes_labels_expression: 'use kubernetes_labels',
  require_session_join: 'moderated sessions are not enforced yet',
}
const HARMLESS_OPTIONS: ReadonlySet<string> = new Set([
  'forward_agent',
  'port_forwarding',
  'cert_format',
  'enhanced_recording',
  'permit_x11_forwarding',
  'ssh_file_copy',
  'desktop_clipboard',
  'desktop_directory_sharing',
  'create_host_user',
  'create_host_user_mode',
  'create_db_user',
  'create_desktop_user',
  'idp',
  'ssh_port_forwarding',
  'cert_extensions',
])
/** Options that restrict: which of their values mean "no restriction". */
const UNENFORCED_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  client_idle_timeout: ['0s', 'never', ''],
  disconnect_expired_cert: [false],
  pin_source_ip: [false],
  lock: ['best_effort', ''],
  require_session_mfa: [false, 'no', 'off'],
  mfa_verification_interval: ['0s', ''],
  device_trust_mode: ['', 'off', 'optional'],
  max_connections: [0],
  max_sessions: [0],
  max_kubernetes_connections: [0],
  request_access: ['', 'optional'],
  request_prompt: [''],
}

/**
 * Reads a role resource of version v3 to v8. Throws AuthzError ROLE_INVALID, naming the path of what is wrong, and
 * ROLE_NOT_ENFORCEABLE for a restriction that this version would have to ignore.
 */
export function parseRole(resource: unknown): Role {
  const root = record(resource, 'role')
  if (root['kind'] !== 'role') throw invalid('kind', 'must be "role"')
  const version = VERSIONS.find((known) => known === root['version'])
  if (version === undefined) throw invalid('version', `must be one of ${VERSIONS.join(', ')}`)
  const name = text(record(root['metadata'], 'metadata')['name'], 'metadata.name')
  const spec = record(root['spec'] ?? {}, 'spec')
  only(spec, ['options', 'allow', 'deny'], 'spec')
  const options = record(spec['options'] ?? {}, 'spec.options')
  return {
    name,
    version,
    options: { maxSessionTtlMs: parseOptions(options) },
    allow: parseConditions(spec['allow'] ?? {}, 'spec.allow', version),
    deny: parseConditions(spec['deny'] ?? {}, 'spec.deny', version),
  }
}

function parseOptions(options: Readonly<Record<string, unknown>>): number | null {
  for (const [name, value] of Object.entries(options)) {
    const path = `spec.options.${name}`
    if (name === 'max_session_ttl' || HARMLESS_OPTIONS.has(name)) continue
    if (name === 'record_session') {
      judgeRecordSession(record(value, path))
      continue
    }
    const neutral = Object.hasOwn(UNENFORCED_OPTIONS, name) ? UNENFORCED_OPTIONS[name] : undefined
    if (neutral === undefined) throw invalid(path, 'is not an option of a role')
    if (!neutral.includes(value)) throw notEnforced(path, 'leave it out')
  }
  const ttl = options['max_session_ttl']
  if (ttl === undefined) return null
  const path = 'spec.options.max_session_ttl'
  try {
    const ms = parseDuration(text(ttl, path))
    if (ms === 0) throw new Error('must be above zero')
    return ms
  } catch (error) {
    throw invalid(path, errorMessage(error))
  }
}

function judgeRecordSession(modes: Readonly<Record<string, unknown>>): void {
  for (const [kind, mode] of Object.entries(modes)) {
    if (kind === 'desktop' || kind === 'ssh') continue
    if (mode !== 'best_effort' && mode !== 'off') {
      throw notEnforced(`spec.options.record_session.${kind}`, 'sessions are not recorded yet')
    }
  }
}

function parseConditions(value: unknown, path: string, version: RoleVersion): RoleConditions {
  const fields = record(value, path)
  const deny = path === 'spec.deny'
  for (const [name, field] of Object.entries(fields)) {
    if (HARMLESS_CONDITIONS.has(name) || KNOWN_CONDITIONS.has(name)) continue
    const hint = Object.hasOwn(UNENFORCED_CONDITIONS, name)
      ? UNENFORCED_CONDITIONS[name]
      : undefined
    if (hint === undefined) throw invalid(`${path}.${name}`, 'is not a field of a role')
    if (!isEmpty(field)) throw notEnforced(`${path}.${name}`, hint)
  }
  judgeResources(fields['kubernetes_resources'], `${path}.kubernetes_resources`, version, deny)
  return {
    logins: templates(fields['logins'], `${path}.logins`),
    kubernetesGroups: templates(fields['kubernetes_groups'], `${path}.kubernetes_groups`),
    kubernetesUsers: templates(fields['kubernetes_users'], `${path}.kubernetes_users`),
    kubernetesLabels: parseLabels(
      fields['kubernetes_labels'],
      `${path}.kubernetes_labels`,
      version,
      deny,
    ),
    rules: parseRules(fields['rules'], `${path}.rules`),
  }
}

const KNOWN_CONDITIONS: ReadonlySet<string> = new Set([
  'logins',
  'kubernetes_groups',
  'kubernetes_users',
  'kubernetes_labels',
  'kubernetes_resources',
  'rules',
])

/** In v3 a role without labels reaches every cluster; since v4 none. */
function parseLabels(
  value: unknown,
  path: string,
  version: RoleVersion,
  deny: boolean,
): LabelSelector {
  if (value === undefined || value === null) return version === 'v3' && !deny ? { '*': ['*'] } : {}
  const labels: Record<string, readonly string[]> = Object.create(null) as Record<string, string[]>
  for (const [name, patterns] of Object.entries(record(value, path))) {
    const place = `${path}.${name}`
    const list = typeof patterns === 'string' ? [patterns] : strings(patterns, place)
    if (list.length === 0) throw invalid(place, 'has no value: a cluster cannot match it')
    if (name === '*' && !(list.length === 1 && list[0] === '*')) {
      throw invalid(place, 'the name "*" goes with the value "*" only')
    }
    for (const pattern of list) {
      judgeTemplate(pattern, place)
      judgePattern(pattern, place)
    }
    labels[name] = list
  }
  return labels
}

function judgePattern(pattern: string, path: string): void {
  if (pattern.length > MAX_PATTERN_CHARS) throw invalid(path, 'is too long')
  if (!isRegex(pattern) || isTemplate(pattern)) return
  try {
    compilePattern(pattern)
  } catch (error) {
    throw invalid(
      path,
      `${JSON.stringify(pattern)} is not a regular expression: ${errorMessage(error)}`,
    )
  }
}

/**
 * Until requests are decided object by object, only "everything" may stand here: `kind: pod` alone in v3 to v5, where
 * it meant pods and left the rest open; in v6 the field itself must say so, since its absence meant no pods.
 */
function judgeResources(value: unknown, path: string, version: RoleVersion, deny: boolean): void {
  const hint =
    version === 'v8'
      ? "write [{kind: '*', api_group: '*', namespace: '*', name: '*', verbs: ['*']}], or nothing"
      : "write [{kind: '*', namespace: '*', name: '*', verbs: ['*']}] in a v7 role, or nothing"
  if (value === undefined || value === null) {
    if (version === 'v6' && !deny) {
      throw notEnforced(path, 'its absence means "no pods" in v6: write version v7')
    }
    return
  }
  if (!Array.isArray(value)) throw invalid(path, 'must be a list')
  if (deny) {
    if (value.length > 0) throw notEnforced(path, 'leave it out')
    return
  }
  const everything = value.some((entry: unknown, index) => {
    const item = record(entry, `${path}[${index}]`)
    only(item, ['kind', 'api_group', 'namespace', 'name', 'verbs'], `${path}[${index}]`)
    const pods = version === 'v3' || version === 'v4' || version === 'v5' || version === 'v6'
    const kind = item['kind'] === '*' || (pods && item['kind'] === 'pod')
    const group = version !== 'v8' || item['api_group'] === '*'
    const verbs = item['verbs'] === undefined ? pods : isStar(item['verbs'])
    return kind && group && verbs && item['namespace'] === '*' && item['name'] === '*'
  })
  if (!everything) throw notEnforced(path, hint)
}

const isStar = (value: unknown): boolean => Array.isArray(value) && value.includes('*')

function parseRules(value: unknown, path: string): readonly ApiRule[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw invalid(path, 'must be a list')
  return value.map((entry: unknown, index) => {
    const place = `${path}[${index}]`
    const rule = record(entry, place)
    if (rule['where'] !== undefined && rule['where'] !== '')
      throw notEnforced(`${place}.where`, 'leave it out')
    only(rule, ['resources', 'verbs', 'where'], place)
    return {
      resources: strings(rule['resources'], `${place}.resources`),
      verbs: strings(rule['verbs'], `${place}.verbs`),
    }
  })
}

function templates(value: unknown, path: string): readonly string[] {
  const list = value === undefined || value === null ? [] : strings(value, path)
  for (const entry of list) judgeTemplate(entry, path)
  return list
}

function judgeTemplate(entry: string, path: string): void {
  if (/[\u0000-\u001f\u007f]/.test(entry)) throw invalid(path, 'has a control character')
  try {
    assertTemplate(entry)
  } catch (error) {
    throw invalid(path, errorMessage(error))
  }
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && Object.keys(value).length === 0)

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(path, 'must be a mapping')
  return value as Readonly<Record<string, unknown>>
}

function only(
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: string,
): void {
  const foreign = Object.keys(fields).find((name) => !known.includes(name))
  if (foreign !== undefined) throw invalid(`${path}.${foreign}`, 'is not a known field')
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(path, 'must be a text')
  return value
}

function strings(value: unknown, path: string): readonly string[] {
  if (!Array.isArray(value)) throw invalid(path, 'must be a list')
  return value.map((entry: unknown, index) => text(entry, `${path}[${index}]`))
}

const invalid = (path: string, why: string): AuthzError =>
  new AuthzError('ROLE_INVALID', `${path} ${why}`, { facts: { path } })

const notEnforced = (path: string, hint: string): AuthzError =>
  new AuthzError(
    'ROLE_NOT_ENFORCEABLE',
    `${path} restricts in a way that this version does not enforce: ${hint}`,
    { facts: { path } },
  )
