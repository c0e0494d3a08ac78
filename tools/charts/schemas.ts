/** Schemas of the charts' values. An unknown key is an error that names it; what a key may hold is judged where Helm can say why. */

export type Schema = { readonly [key: string]: unknown }

const text: Schema = { type: 'string' }
/** `--set` makes numbers and booleans of what looks like one. */
const scalar: Schema = { type: ['string', 'number', 'boolean', 'null'] }
const flag: Schema = { type: 'boolean' }
const whole: Schema = { type: 'integer', minimum: 0 }
const list: Schema = { type: 'array' }
const texts: Schema = { type: 'array', items: text }
/** Passed on to Kubernetes, which judges it. */
const free: Schema = { type: 'object' }
const labels: Schema = { type: 'object', additionalProperties: scalar }
/** Judged by the templates, which say what is possible instead. */
const judged: Schema = {}

const strict = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
})
const oneOf = (...values: readonly string[]): Schema => ({ enum: values })
const keyed = (value: Schema, ...keys: readonly string[]): Schema =>
  strict(Object.fromEntries(keys.map((key) => [key, value])))

const every = (value: Schema, ...keys: readonly string[]): Record<string, Schema> =>
  Object.fromEntries(keys.map((key) => [key, value]))

const common: Record<string, Schema> = {
  ...every(text, 'image', 'teleportVersionOverride', 'dnsPolicy', 'priorityClassName'),
  ...every(
    list,
    'imagePullSecrets',
    'topologySpreadConstraints',
    'tolerations',
    'hostAliases',
    'initContainers',
    'extraContainers',
    'extraEnv',
    'extraVolumes',
    'extraVolumeMounts',
  ),
  ...every(
    free,
    'affinity',
    'dnsConfig',
    'nodeSelector',
    'resources',
    'podSecurityContext',
    'securityContext',
    'teleportConfig',
  ),
  ...every(judged, 'enterprise', 'enterpriseImage'),
  imagePullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  extraArgs: texts,
  labels,
  validateConfigOnDeploy: flag,
  probeTimeoutSeconds: { type: 'integer', minimum: 1 },
  terminationGracePeriodSeconds: whole,
  log: strict({
    level: oneOf('DEBUG', 'INFO', 'WARN', 'WARNING', 'ERROR'),
    output: text,
    format: oneOf('text', 'json'),
    extraFields: judged,
  }),
  rbac: strict({ create: flag }),
  serviceAccount: strict({ create: flag, name: text }),
  podMonitor: strict({ enabled: flag, additionalLabels: labels, interval: text }),
  podSecurityPolicy: strict({ enabled: judged }),
  highAvailability: strict({
    replicaCount: { type: 'integer' },
    requireAntiAffinity: flag,
    podDisruptionBudget: strict({
      enabled: flag,
      minAvailable: { type: ['integer', 'string'] },
    }),
    certManager: free,
  }),
  // Helm's own, for charts within charts.
  global: free,
}

const KINDS = ['clusterRole', 'clusterRoleBinding', 'config', 'deployment', 'job', 'pod'] as const
const MORE_KINDS = ['podDisruptionBudget', 'podMonitor', 'service', 'serviceAccount'] as const

const agent: Record<string, Schema> = {
  ...common,
  ...every(
    text,
    'proxyAddr',
    'authToken',
    'kubeClusterName',
    'roles',
    'clusterDomain',
    'clusterRoleName',
    'clusterRoleBindingName',
    'roleName',
    'roleBindingName',
    'secretName',
    'serviceAccountName',
  ),
  ...every(
    judged,
    'apps',
    'appResources',
    'databases',
    'databaseResources',
    'awsDatabases',
    'azureDatabases',
    'existingDataVolume',
    'jamfApiEndpoint',
    'jamfClientId',
    'jamfClientSecret',
    'jamfCredentialsSecret',
    'kubernetesDiscovery',
  ),
  presetRoles: free,
  updater: free,
  joinParams: strict({ method: text, tokenName: text }),
  joinTokenSecret: strict({ create: flag, name: { type: 'string', minLength: 1 } }),
  caPin: { anyOf: [text, texts] },
  insecureSkipProxyTLSVerify: flag,
  tls: strict({ existingCASecretName: text }),
  storage: strict({ enabled: flag, storageClassName: text, requests: text }),
  adminClusterRoleBinding: strict({ create: flag, name: text }),
  initSecurityContext: free,
  extraLabels: keyed(labels, ...KINDS, ...MORE_KINDS, 'role', 'roleBinding', 'secret'),
  annotations: keyed(labels, 'config', 'deployment', 'pod', 'secret', 'serviceAccount'),
  logLevel: oneOf('', 'DEBUG', 'INFO', 'WARN', 'WARNING', 'ERROR'),
  replicaCount: { type: ['integer', 'null'], minimum: 1 },
}

const addresses: Schema = { type: 'array', items: { type: 'string', minLength: 1 } }

/** YAML reads off and on as booleans. */
const secondFactor = { enum: ['off', 'otp', 'on', true, false] }

const cluster: Record<string, Schema> = {
  ...common,
  ...every(text, 'clusterName', 'kubeClusterName', 'chartMode'),
  ...every(addresses, 'publicAddr', 'kubePublicAddr', 'tunnelPublicAddr'),
  ...every(
    judged,
    'acme',
    'acmeEmail',
    'acmeURI',
    'aws',
    'azure',
    'gcp',
    'mongoPublicAddr',
    'mysqlPublicAddr',
    'postgresPublicAddr',
    'separateMongoListener',
    'separatePostgresListener',
    'sshPublicAddr',
  ),
  ...every(free, 'auth', 'proxy', 'ingress', 'operator'),
  authentication: strict({
    type: text,
    connectorName: judged,
    localAuth: flag,
    lockingMode: judged,
    secondFactor,
    webauthn: judged,
  }),
  authenticationType: text,
  authenticationSecondFactor: { enum: [...secondFactor.enum, null] },
  // YAML reads off as a boolean.
  sessionRecording: { enum: ['', 'node', 'node-sync', 'proxy', 'proxy-sync', 'off', false] },
  proxyListenerMode: oneOf('', 'multiplex'),
  proxyProtocol: { enum: ['', 'on', 'off', true, false] },
  persistence: strict({
    enabled: flag,
    existingClaimName: text,
    storageClassName: text,
    volumeSize: text,
  }),
  standalone: keyed(text, 'existingClaimName', 'volumeSize'),
  tls: strict({ existingSecretName: text, existingCASecretName: text }),
  service: strict({
    type: oneOf('ClusterIP', 'LoadBalancer', 'NodePort'),
    spec: free,
  }),
  extraLabels: keyed(labels, ...KINDS, ...MORE_KINDS, 'persistentVolumeClaim'),
  annotations: strict({
    ...every(labels, 'config', 'deployment', 'pod', 'service', 'serviceAccount'),
    certSecret: judged,
  }),
}

/** What the chart of old had besides, or otherwise. */
const alias: Record<string, Schema> = {
  ...cluster,
  image: {
    anyOf: [text, strict({ repository: text, tag: scalar, pullPolicy: text, pullSecrets: list })],
  },
  annotations: free,
  service: strict({
    type: oneOf('ClusterIP', 'LoadBalancer', 'NodePort'),
    spec: free,
    ports: judged,
  }),
  ports: judged,
  config: free,
  extraVars: { type: ['object', 'array'] },
}

const schema = (properties: Record<string, Schema>): Schema => ({
  $schema: 'http://json-schema.org/draft-07/schema#',
  ...strict(properties),
})

export const schemas: Readonly<Record<string, Schema>> = {
  'teleport-kube-agent': schema(agent),
  'teleport-cluster': schema(cluster),
  teleport: schema(alias),
}
