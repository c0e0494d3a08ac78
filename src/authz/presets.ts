/** A role as it is written; parsed like any other before it counts. */
export interface PresetRole {
  readonly kind: 'role'
  readonly version: 'v7'
  readonly metadata: { readonly name: string; readonly description: string }
  readonly spec: {
    readonly allow: Readonly<Record<string, unknown>>
    readonly deny: Readonly<Record<string, unknown>>
  }
}

const ALL_VERBS = ['list', 'read', 'create', 'update', 'delete'] as const
const OWN_PRINCIPALS = {
  kubernetes_labels: { '*': '*' },
  kubernetes_groups: ['{{internal.kubernetes_groups}}'],
  kubernetes_users: ['{{internal.kubernetes_users}}'],
} as const
const SEE_CLUSTERS = [
  { resources: ['kube_cluster'], verbs: ['list', 'read'] },
  { resources: ['cluster_status'], verbs: ['read'] },
] as const

/** The roles that every new cluster begins with. */
export function presetRoles(): readonly PresetRole[] {
  return [
    preset(
      'access',
      'reach every Kubernetes cluster as the groups and users that the user record names',
      {
        ...OWN_PRINCIPALS,
        rules: SEE_CLUSTERS,
      },
    ),
    preset('editor', 'edit users, roles, locks, join tokens and settings; no access to clusters', {
      rules: [
        {
          resources: [
            'user',
            'role',
            'lock',
            'cluster_settings',
            'kube_cluster',
            'kube_server',
            'token',
            'instance',
          ],
          verbs: ALL_VERBS,
        },
        { resources: ['session_tracker'], verbs: ['list', 'read', 'delete'] },
        { resources: ['cluster_status'], verbs: ['read'] },
      ],
    }),
    preset(
      'auditor',
      'read the audit log and recordings, and see who may do what; changes nothing',
      {
        rules: [
          {
            resources: [
              'event',
              'session',
              'session_tracker',
              'user',
              'role',
              'lock',
              'kube_cluster',
              'kube_server',
              'token',
              'instance',
            ],
            verbs: ['list', 'read'],
          },
          { resources: ['cluster_settings', 'cluster_status', 'stats'], verbs: ['read'] },
        ],
      },
    ),
    preset(
      'admin',
      'everything in the management API, and every Kubernetes cluster as the user record says',
      {
        ...OWN_PRINCIPALS,
        rules: [{ resources: ['*'], verbs: ['*'] }],
      },
    ),
  ]
}

const preset = (
  name: string,
  description: string,
  allow: PresetRole['spec']['allow'],
): PresetRole => ({
  kind: 'role',
  version: 'v7',
  metadata: { name, description },
  spec: { allow, deny: {} },
})
