import { type Fields, invalid, isEmpty, notEnforced } from './fields.ts'

/**
 * The fields of a role that this version does not act on. Those that say nothing about Kubernetes are kept as they are;
 * those that restrict are refused while they do, since to ignore a restriction is to give away what it forbids.
 */

/** Of `allow` and `deny`: rights in systems that are not served here, and grants that are not given yet. */
const HARMLESS_CONDITIONS: ReadonlySet<string> = new Set([
  'account_assignments',
  'app_labels',
  'app_labels_expression',
  'aws_role_arns',
  'azure_identities',
  'cluster_labels',
  'cluster_labels_expression',
  'db_labels',
  'db_labels_expression',
  'db_names',
  'db_permissions',
  'db_roles',
  'db_service_labels',
  'db_service_labels_expression',
  'db_users',
  'desktop_groups',
  'gcp_service_accounts',
  'github_permissions',
  'group_labels',
  'group_labels_expression',
  'host_groups',
  'host_sudoers',
  'impersonate',
  'join_sessions',
  'mcp',
  'namespaces',
  'node_labels',
  'node_labels_expression',
  'request',
  'review_requests',
  'spiffe',
  'windows_desktop_labels',
  'windows_desktop_labels_expression',
  'windows_desktop_logins',
  'workload_identity_labels',
  'workload_identity_labels_expression',
])

/** Of `allow` and `deny`, with what to do instead. */
const RESTRICTING_CONDITIONS: Readonly<Record<string, string>> = {
  kubernetes_labels_expression: 'use kubernetes_labels',
  require_session_join: 'sessions cannot be joined',
}

const HARMLESS_OPTIONS: ReadonlySet<string> = new Set([
  'cert_extensions',
  'cert_format',
  'create_db_user',
  'create_db_user_mode',
  'create_desktop_user',
  'create_host_user',
  'create_host_user_default_shell',
  'create_host_user_mode',
  'desktop_clipboard',
  'desktop_directory_sharing',
  'enhanced_recording',
  'forward_agent',
  'idp',
  'permit_x11_forwarding',
  'port_forwarding',
  'ssh_file_copy',
  'ssh_port_forwarding',
])

/** How YAML and people write that an option restricts nothing. */
export const OFF: readonly unknown[] = [false, 'false', 'no', 'off']
export const UNLIMITED: readonly unknown[] = [0, '0', '0s', 'never']

/** Options that restrict, with the values that mean "no restriction". */
const RESTRICTING_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  device_trust_mode: ['off', 'optional'],
  max_connections: UNLIMITED,
  max_sessions: UNLIMITED,
  mfa_verification_interval: UNLIMITED,
  request_access: ['optional'],
  request_prompt: [],
  require_session_mfa: OFF,
}

/** Judges the fields of `allow` or `deny` that are not in `known`. Throws AuthzError. */
export function judgeConditions(fields: Fields, known: readonly string[], path: string): void {
  for (const [name, value] of Object.entries(fields)) {
    if (known.includes(name) || HARMLESS_CONDITIONS.has(name)) continue
    const hint = own(RESTRICTING_CONDITIONS, name)
    if (hint === undefined) throw invalid(`${path}.${name}`, 'is not a field of a role')
    if (!isEmpty(value)) throw notEnforced(`${path}.${name}`, hint)
  }
}

/** Judges the options that are not in `known`. Throws AuthzError. */
export function judgeOptions(options: Fields, known: readonly string[], path: string): void {
  for (const [name, value] of Object.entries(options)) {
    if (known.includes(name) || HARMLESS_OPTIONS.has(name)) continue
    const neutral = own(RESTRICTING_OPTIONS, name)
    if (neutral === undefined) throw invalid(`${path}.${name}`, 'is not an option of a role')
    if (!isEmpty(value) && !neutral.includes(value)) {
      throw notEnforced(`${path}.${name}`, 'leave it out')
    }
  }
}

const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined
