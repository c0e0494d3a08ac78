import { isHeaderText } from '../kube/index.ts'
import {
  type Fields,
  fieldsOf,
  invalid,
  listOf,
  notEnforced,
  only,
  textOf,
  textsOf,
} from './fields.ts'
import { judgeResources } from './kubernetes-resources.ts'
import { MAX_ROLE_NAME_CHARS } from './limits.ts'
import { parseLabels, patterns, texts } from './parse-labels.ts'
import { parseOptions } from './parse-options.ts'
import { parseTemplate, type Template } from './template.ts'
import type { ApiRule, Role, RoleVersion } from './types.ts'
import { judgeConditions } from './unenforced.ts'

const VERSIONS: readonly RoleVersion[] = ['v3', 'v4', 'v5', 'v6', 'v7', 'v8']

const CONDITIONS = [
  'logins',
  'kubernetes_groups',
  'kubernetes_users',
  'kubernetes_labels',
  'kubernetes_resources',
  'rules',
]

/**
 * Reads and compiles a role resource of version v3 to v8. Throws AuthzError ROLE_INVALID, naming the path of what is
 * wrong, and ROLE_NOT_ENFORCEABLE for a restriction that this version would have to ignore.
 */
export function parseRole(resource: unknown): Role {
  const root = fieldsOf(resource, 'role')
  only(root, ['kind', 'version', 'sub_kind', 'metadata', 'spec'], '')
  if (root['kind'] !== 'role') throw invalid('kind', 'must be "role"')
  const version = VERSIONS.find((known) => known === root['version'])
  if (version === undefined) throw invalid('version', `must be one of ${VERSIONS.join(', ')}`)
  const name = parseMetadata(fieldsOf(root['metadata'], 'metadata'))
  const spec = fieldsOf(root['spec'], 'spec')
  only(spec, ['options', 'allow', 'deny'], 'spec')
  const allow = conditionsOf(spec['allow'], version, 'allow')
  const deny = conditionsOf(spec['deny'], version, 'deny')
  return {
    name,
    version,
    options: parseOptions(spec['options'], 'spec.options'),
    allow: {
      kubernetesGroups: names(allow['kubernetes_groups'], 'spec.allow.kubernetes_groups'),
      kubernetesUsers: names(allow['kubernetes_users'], 'spec.allow.kubernetes_users'),
      // In v3 a role without labels reaches every cluster; since v4 none.
      kubernetesLabels: parseLabels(
        allow['kubernetes_labels'] ?? (version === 'v3' ? { '*': '*' } : {}),
        'spec.allow.kubernetes_labels',
      ),
      rules: parseRules(allow['rules'], 'spec.allow.rules'),
    },
    deny: {
      kubernetesGroups: patterns(deny['kubernetes_groups'], 'spec.deny.kubernetes_groups'),
      kubernetesUsers: patterns(deny['kubernetes_users'], 'spec.deny.kubernetes_users'),
      kubernetesLabels: parseLabels(deny['kubernetes_labels'], 'spec.deny.kubernetes_labels'),
      rules: parseRules(deny['rules'], 'spec.deny.rules'),
    },
  }
}

function parseMetadata(metadata: Fields): string {
  only(
    metadata,
    ['name', 'namespace', 'description', 'labels', 'created', 'expires', 'revision', 'id'],
    'metadata',
  )
  if (metadata['expires'] !== undefined && metadata['expires'] !== null) {
    throw notEnforced('metadata.expires', 'remove the role when its time is over')
  }
  const name = textOf(metadata['name'], 'metadata.name')
  if (name.length > MAX_ROLE_NAME_CHARS || !isHeaderText(name)) {
    throw invalid(
      'metadata.name',
      `must be at most ${MAX_ROLE_NAME_CHARS} characters without blanks at the ends or control characters`,
    )
  }
  return name
}

/** One half of the role, with everything judged that is not decided on. */
function conditionsOf(value: unknown, version: RoleVersion, effect: 'allow' | 'deny'): Fields {
  const path = `spec.${effect}`
  const fields = fieldsOf(value, path)
  judgeConditions(fields, CONDITIONS, path)
  judgeResources(fields['kubernetes_resources'], `${path}.kubernetes_resources`, version, effect)
  // Logins are for other protocols; templates in them are read for the sake of who wrote them wrong.
  texts(fields['logins'], `${path}.logins`, parseTemplate)
  return fields
}

/** What a role gives is names: a `*` here would be taken for a pattern by people, and by nobody else. */
const names = (value: unknown, path: string): readonly Template[] =>
  texts(value, path, (text) => {
    const template = parseTemplate(text)
    if (template.before.includes('*') || template.after.includes('*')) {
      throw new Error(`${JSON.stringify(text)} is a pattern: only names can be given`)
    }
    return template
  })

function parseRules(value: unknown, path: string): readonly ApiRule[] {
  return listOf(value, path).map((entry, index) => {
    const place = `${path}[${index}]`
    const rule = fieldsOf(entry, place)
    only(rule, ['resources', 'verbs', 'where'], place)
    if (rule['where'] !== undefined && rule['where'] !== null && rule['where'] !== '') {
      throw notEnforced(`${place}.where`, 'leave it out')
    }
    return {
      resources: textsOf(rule['resources'], `${place}.resources`),
      verbs: textsOf(rule['verbs'], `${place}.verbs`),
    }
  })
}
