import type { Json, JsonObject } from '../json.ts'

const RBAC = 'rbac.authorization.k8s.io'
const READ = ['get', 'list', 'watch'] as const
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'] as const

const rule = (
  apiGroups: readonly string[],
  resources: readonly string[],
  verbs: readonly string[],
  resourceNames: readonly string[] = [],
): JsonObject => ({
  apiGroups: [...apiGroups],
  resources: [...resources],
  verbs: [...verbs],
  ...(resourceNames.length === 0 ? {} : { resourceNames: [...resourceNames] }),
})

const role = (name: string, rules: Json[]): JsonObject => ({
  metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } },
  rules,
})

const viewed = [
  rule(
    [''],
    [
      'configmaps',
      'endpoints',
      'events',
      'namespaces',
      'pods',
      'pods/log',
      'pods/status',
      'serviceaccounts',
      'services',
      'services/status',
    ],
    READ,
  ),
  rule(
    ['apps'],
    [
      'deployments',
      'deployments/scale',
      'deployments/status',
      'replicasets',
      'replicasets/scale',
      'replicasets/status',
    ],
    READ,
  ),
  rule(['events.k8s.io'], ['events'], READ),
]

const edited = [
  ...viewed,
  rule([''], ['secrets'], READ),
  rule([''], ['serviceaccounts'], ['impersonate']),
  rule(
    [''],
    ['configmaps', 'endpoints', 'events', 'pods', 'secrets', 'serviceaccounts', 'services'],
    WRITE,
  ),
  rule([''], ['pods/attach', 'pods/exec', 'pods/portforward'], ['get', 'create']),
  rule([''], ['pods/eviction'], ['create']),
  rule(['apps'], ['deployments', 'deployments/scale', 'replicasets', 'replicasets/scale'], WRITE),
  rule(['coordination.k8s.io'], ['leases'], [...READ, ...WRITE]),
]

const DISCOVERY = [
  '/api',
  '/api/*',
  '/apis',
  '/apis/*',
  '/healthz',
  '/livez',
  '/openapi',
  '/openapi/*',
  '/readyz',
  '/version',
  '/version/',
]

/** The roles that Kubernetes brings, as far as they say something about what is served here. */
export const clusterRoles: readonly JsonObject[] = [
  role('cluster-admin', [rule(['*'], ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }]),
  role('admin', [...edited, rule([RBAC], ['roles', 'rolebindings'], [...READ, ...WRITE])]),
  role('edit', [...edited]),
  role('view', [...viewed]),
  role('system:basic-user', [
    rule(
      ['authorization.k8s.io'],
      ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      ['create'],
    ),
    rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ]),
  role('system:discovery', [{ nonResourceURLs: DISCOVERY, verbs: ['get'] }]),
  role('system:public-info-viewer', [
    { nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'], verbs: ['get'] },
  ]),
]

const bindingOf = (name: string, roleName: string, subjects: Json[]): JsonObject => ({
  metadata: { name },
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: roleName },
  subjects,
})

const group = (name: string): JsonObject => ({ kind: 'Group', apiGroup: RBAC, name })

export const clusterRoleBindings: readonly JsonObject[] = [
  bindingOf('cluster-admin', 'cluster-admin', [group('system:masters')]),
  bindingOf('system:basic-user', 'system:basic-user', [group('system:authenticated')]),
  bindingOf('system:discovery', 'system:discovery', [group('system:authenticated')]),
  bindingOf('system:public-info-viewer', 'system:public-info-viewer', [
    group('system:authenticated'),
    group('system:unauthenticated'),
  ]),
]

/** The account that the token belongs to: it may impersonate, as docs/kubernetes-rights.md has it, and nothing else. */
export const teleportRole: JsonObject = {
  metadata: { name: 'teleport-impersonation' },
  rules: [
    rule([''], ['users', 'groups', 'serviceaccounts'], ['impersonate']),
    rule([''], ['pods'], ['get']),
    rule(['authorization.k8s.io'], ['selfsubjectaccessreviews'], ['create']),
  ],
}

export const teleportBinding: JsonObject = bindingOf('teleport', 'teleport-impersonation', [
  { kind: 'ServiceAccount', name: 'teleport-serviceaccount', namespace: 'teleport' },
])
