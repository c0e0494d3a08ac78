/**
 * The messages that kubectl sends, by the numbers of Kubernetes' `generated.proto` files. A test has a real API server
 * encode objects, and holds this table against it.
 */

/** How the value of a field becomes JSON. */
export type FieldType =
  | 'string'
  /** Zero is left out, as in Go's `omitempty`. */
  | 'int'
  | 'bool'
  /** A pointer in Go: zero means zero. */
  | 'int?'
  | 'bool?'
  | 'time'
  | 'quantity'
  | 'intOrString'
  | 'map'
  | 'bytesMap'
  | 'quantityMap'
  /** Made by the server: what a client says of it counts for nothing. */
  | 'ignored'
  | Reference

/** Another message. An empty one is left out, unless it says something by being there; `inline` ones have no name in JSON. */
export interface Reference {
  readonly message: MessageName
  readonly as?: 'inline' | 'kept'
}

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly repeated: boolean
}

export type Message = Readonly<Record<number, Field>>

const one = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: false })
const many = (name: string, type: FieldType = 'string'): Field => ({ name, type, repeated: true })
const of = (message: MessageName, as?: Reference['as']): Reference =>
  as === undefined ? { message } : { message, as }

export type MessageName =
  | 'AccessReviewSpec'
  | 'Affinity'
  | 'AggregationRule'
  | 'Binding'
  | 'ConfigMap'
  | 'ConfigMapVolume'
  | 'Container'
  | 'ContainerPort'
  | 'CronJob'
  | 'CronJobSpec'
  | 'DeleteOptions'
  | 'Deployment'
  | 'DeploymentSpec'
  | 'DeploymentStrategy'
  | 'EmptyDir'
  | 'EnvFrom'
  | 'EnvVar'
  | 'EnvVarSource'
  | 'Eviction'
  | 'FieldRef'
  | 'HostPath'
  | 'Job'
  | 'JobSpec'
  | 'JobTemplate'
  | 'KeyRef'
  | 'KeyToPath'
  | 'LabelSelector'
  | 'LocalObjectReference'
  | 'Namespace'
  | 'NamespaceSpec'
  | 'NonResourceAttributes'
  | 'ObjectMeta'
  | 'ObjectReference'
  | 'OptionalReference'
  | 'OwnerReference'
  | 'Pod'
  | 'PodSecurity'
  | 'PodSpec'
  | 'PodTemplate'
  | 'PolicyRule'
  | 'Preconditions'
  | 'ReplicaSet'
  | 'ReplicaSetSpec'
  | 'Requirement'
  | 'ResourceAttributes'
  | 'Resources'
  | 'Role'
  | 'RoleRef'
  | 'RollingUpdate'
  | 'RulesReviewSpec'
  | 'Scale'
  | 'ScaleSpec'
  | 'Secret'
  | 'SecretVolume'
  | 'SelfSubjectAccessReview'
  | 'SelfSubjectReview'
  | 'SelfSubjectRulesReview'
  | 'Service'
  | 'ServiceAccount'
  | 'ServicePort'
  | 'ServiceSpec'
  | 'Subject'
  | 'Toleration'
  | 'Volume'
  | 'VolumeMount'
  | 'VolumeSource'

const metadata = one('metadata', of('ObjectMeta'))
const status = one('status', 'ignored')

export const messages: Readonly<Record<MessageName, Message>> = {
  ObjectMeta: {
    1: one('name'),
    2: one('generateName'),
    3: one('namespace'),
    4: one('selfLink', 'ignored'),
    5: one('uid'),
    6: one('resourceVersion'),
    7: one('generation', 'int'),
    8: one('creationTimestamp', 'time'),
    9: one('deletionTimestamp', 'time'),
    10: one('deletionGracePeriodSeconds', 'int?'),
    11: one('labels', 'map'),
    12: one('annotations', 'map'),
    13: many('ownerReferences', of('OwnerReference')),
    14: many('finalizers'),
    17: many('managedFields', 'ignored'),
  },
  OwnerReference: {
    1: one('kind'),
    3: one('name'),
    4: one('uid'),
    5: one('apiVersion'),
    6: one('controller', 'bool?'),
    7: one('blockOwnerDeletion', 'bool?'),
  },
  ObjectReference: {
    1: one('kind'),
    2: one('namespace'),
    3: one('name'),
    4: one('uid'),
    5: one('apiVersion'),
    6: one('resourceVersion'),
    7: one('fieldPath'),
  },
  LocalObjectReference: { 1: one('name') },
  LabelSelector: { 1: one('matchLabels', 'map'), 2: many('matchExpressions', of('Requirement')) },
  Requirement: { 1: one('key'), 2: one('operator'), 3: many('values') },

  Namespace: { 1: metadata, 2: one('spec', of('NamespaceSpec')), 3: status },
  NamespaceSpec: { 1: many('finalizers') },
  ConfigMap: {
    1: metadata,
    2: one('data', 'map'),
    3: one('binaryData', 'bytesMap'),
    4: one('immutable', 'bool?'),
  },
  Secret: {
    1: metadata,
    2: one('data', 'bytesMap'),
    3: one('type'),
    4: one('stringData', 'map'),
    5: one('immutable', 'bool?'),
  },
  ServiceAccount: {
    1: metadata,
    2: many('secrets', of('ObjectReference')),
    3: many('imagePullSecrets', of('LocalObjectReference')),
    4: one('automountServiceAccountToken', 'bool?'),
  },
  Service: { 1: metadata, 2: one('spec', of('ServiceSpec')), 3: status },
  ServiceSpec: {
    1: many('ports', of('ServicePort')),
    2: one('selector', 'map'),
    3: one('clusterIP'),
    4: one('type'),
    5: many('externalIPs'),
    7: one('sessionAffinity'),
    8: one('loadBalancerIP'),
    9: many('loadBalancerSourceRanges'),
    10: one('externalName'),
    11: one('externalTrafficPolicy'),
    12: one('healthCheckNodePort', 'int'),
    13: one('publishNotReadyAddresses', 'bool'),
    17: one('ipFamilyPolicy'),
    18: many('clusterIPs'),
    19: many('ipFamilies'),
    20: one('allocateLoadBalancerNodePorts', 'bool?'),
    21: one('loadBalancerClass'),
    22: one('internalTrafficPolicy'),
    23: one('trafficDistribution'),
  },
  ServicePort: {
    1: one('name'),
    2: one('protocol'),
    3: one('port', 'int'),
    4: one('targetPort', 'intOrString'),
    5: one('nodePort', 'int'),
    6: one('appProtocol'),
  },

  Pod: { 1: metadata, 2: one('spec', of('PodSpec')), 3: status },
  PodTemplate: { 1: metadata, 2: one('spec', of('PodSpec')) },
  PodSpec: {
    1: many('volumes', of('Volume')),
    2: many('containers', of('Container')),
    3: one('restartPolicy'),
    4: one('terminationGracePeriodSeconds', 'int?'),
    5: one('activeDeadlineSeconds', 'int?'),
    6: one('dnsPolicy'),
    7: one('nodeSelector', 'map'),
    8: one('serviceAccountName'),
    9: one('serviceAccount'),
    10: one('nodeName'),
    11: one('hostNetwork', 'bool'),
    12: one('hostPID', 'bool'),
    13: one('hostIPC', 'bool'),
    14: one('securityContext', of('PodSecurity')),
    15: many('imagePullSecrets', of('LocalObjectReference')),
    16: one('hostname'),
    17: one('subdomain'),
    18: one('affinity', of('Affinity')),
    19: one('schedulerName'),
    20: many('initContainers', of('Container')),
    21: one('automountServiceAccountToken', 'bool?'),
    22: many('tolerations', of('Toleration')),
    24: one('priorityClassName'),
    25: one('priority', 'int?'),
    27: one('shareProcessNamespace', 'bool?'),
    29: one('runtimeClassName'),
    30: one('enableServiceLinks', 'bool?'),
    31: one('preemptionPolicy'),
  },
  // kubectl's generators leave it empty; a field in it is refused rather than lost.
  PodSecurity: {},
  Affinity: {},
  Toleration: {
    1: one('key'),
    2: one('operator'),
    3: one('value'),
    4: one('effect'),
    5: one('tolerationSeconds', 'int?'),
  },
  Container: {
    1: one('name'),
    2: one('image'),
    3: many('command'),
    4: many('args'),
    5: one('workingDir'),
    6: many('ports', of('ContainerPort')),
    7: many('env', of('EnvVar')),
    8: one('resources', of('Resources')),
    9: many('volumeMounts', of('VolumeMount')),
    13: one('terminationMessagePath'),
    14: one('imagePullPolicy'),
    16: one('stdin', 'bool'),
    17: one('stdinOnce', 'bool'),
    18: one('tty', 'bool'),
    19: many('envFrom', of('EnvFrom')),
    20: one('terminationMessagePolicy'),
  },
  ContainerPort: {
    1: one('name'),
    2: one('hostPort', 'int'),
    3: one('containerPort', 'int'),
    4: one('protocol'),
    5: one('hostIP'),
  },
  EnvVar: { 1: one('name'), 2: one('value'), 3: one('valueFrom', of('EnvVarSource')) },
  EnvVarSource: {
    1: one('fieldRef', of('FieldRef')),
    3: one('configMapKeyRef', of('KeyRef')),
    4: one('secretKeyRef', of('KeyRef')),
  },
  FieldRef: { 1: one('apiVersion'), 2: one('fieldPath') },
  KeyRef: {
    1: one('', of('LocalObjectReference', 'inline')),
    2: one('key'),
    3: one('optional', 'bool?'),
  },
  EnvFrom: {
    1: one('prefix'),
    2: one('configMapRef', of('OptionalReference')),
    3: one('secretRef', of('OptionalReference')),
  },
  OptionalReference: {
    1: one('', of('LocalObjectReference', 'inline')),
    2: one('optional', 'bool?'),
  },
  Resources: { 1: one('limits', 'quantityMap'), 2: one('requests', 'quantityMap') },
  VolumeMount: {
    1: one('name'),
    2: one('readOnly', 'bool'),
    3: one('mountPath'),
    4: one('subPath'),
  },
  Volume: { 1: one('name'), 2: one('', of('VolumeSource', 'inline')) },
  VolumeSource: {
    1: one('hostPath', of('HostPath')),
    2: one('emptyDir', of('EmptyDir', 'kept')),
    6: one('secret', of('SecretVolume')),
    19: one('configMap', of('ConfigMapVolume')),
  },
  HostPath: { 1: one('path'), 2: one('type') },
  EmptyDir: { 1: one('medium'), 2: one('sizeLimit', 'quantity') },
  SecretVolume: {
    1: one('secretName'),
    2: many('items', of('KeyToPath')),
    3: one('defaultMode', 'int?'),
    4: one('optional', 'bool?'),
  },
  ConfigMapVolume: {
    1: one('', of('LocalObjectReference', 'inline')),
    2: many('items', of('KeyToPath')),
    3: one('defaultMode', 'int?'),
    4: one('optional', 'bool?'),
  },
  KeyToPath: { 1: one('key'), 2: one('path'), 3: one('mode', 'int?') },

  Deployment: { 1: metadata, 2: one('spec', of('DeploymentSpec')), 3: status },
  DeploymentSpec: {
    1: one('replicas', 'int?'),
    2: one('selector', of('LabelSelector')),
    3: one('template', of('PodTemplate')),
    4: one('strategy', of('DeploymentStrategy')),
    5: one('minReadySeconds', 'int'),
    6: one('revisionHistoryLimit', 'int?'),
    7: one('paused', 'bool'),
    9: one('progressDeadlineSeconds', 'int?'),
  },
  DeploymentStrategy: { 1: one('type'), 2: one('rollingUpdate', of('RollingUpdate')) },
  RollingUpdate: { 1: one('maxUnavailable', 'intOrString'), 2: one('maxSurge', 'intOrString') },
  ReplicaSet: { 1: metadata, 2: one('spec', of('ReplicaSetSpec')), 3: status },
  ReplicaSetSpec: {
    1: one('replicas', 'int?'),
    2: one('selector', of('LabelSelector')),
    3: one('template', of('PodTemplate')),
    4: one('minReadySeconds', 'int'),
  },
  Job: { 1: metadata, 2: one('spec', of('JobSpec')), 3: status },
  JobSpec: {
    1: one('parallelism', 'int?'),
    2: one('completions', 'int?'),
    3: one('activeDeadlineSeconds', 'int?'),
    4: one('selector', of('LabelSelector')),
    5: one('manualSelector', 'bool?'),
    6: one('template', of('PodTemplate')),
    7: one('backoffLimit', 'int?'),
    8: one('ttlSecondsAfterFinished', 'int?'),
    9: one('completionMode'),
    10: one('suspend', 'bool?'),
    14: one('podReplacementPolicy'),
    15: one('managedBy'),
  },
  CronJob: { 1: metadata, 2: one('spec', of('CronJobSpec')), 3: status },
  CronJobSpec: {
    1: one('schedule'),
    2: one('startingDeadlineSeconds', 'int?'),
    3: one('concurrencyPolicy'),
    4: one('suspend', 'bool?'),
    5: one('jobTemplate', of('JobTemplate')),
    6: one('successfulJobsHistoryLimit', 'int?'),
    7: one('failedJobsHistoryLimit', 'int?'),
    8: one('timeZone'),
  },
  JobTemplate: { 1: metadata, 2: one('spec', of('JobSpec')) },
  Scale: { 1: metadata, 2: one('spec', of('ScaleSpec')), 3: status },
  ScaleSpec: { 1: one('replicas', 'int') },

  Role: {
    1: metadata,
    2: many('rules', of('PolicyRule')),
    3: one('aggregationRule', of('AggregationRule')),
  },
  PolicyRule: {
    1: many('verbs'),
    2: many('apiGroups'),
    3: many('resources'),
    4: many('resourceNames'),
    5: many('nonResourceURLs'),
  },
  AggregationRule: { 1: many('clusterRoleSelectors', of('LabelSelector')) },
  Binding: {
    1: metadata,
    2: many('subjects', of('Subject')),
    3: one('roleRef', of('RoleRef')),
  },
  Subject: { 1: one('kind'), 2: one('apiGroup'), 3: one('name'), 4: one('namespace') },
  RoleRef: { 1: one('apiGroup'), 2: one('kind'), 3: one('name') },

  SelfSubjectReview: { 1: metadata, 2: status },
  SelfSubjectAccessReview: {
    1: metadata,
    2: one('spec', of('AccessReviewSpec')),
    3: status,
  },
  SelfSubjectRulesReview: { 1: metadata, 2: one('spec', of('RulesReviewSpec')), 3: status },
  RulesReviewSpec: { 1: one('namespace') },
  AccessReviewSpec: {
    1: one('resourceAttributes', of('ResourceAttributes')),
    2: one('nonResourceAttributes', of('NonResourceAttributes')),
  },
  ResourceAttributes: {
    1: one('namespace'),
    2: one('verb'),
    3: one('group'),
    4: one('version'),
    5: one('resource'),
    6: one('subresource'),
    7: one('name'),
  },
  NonResourceAttributes: { 1: one('path'), 2: one('verb') },
  Eviction: { 1: metadata, 2: one('deleteOptions', of('DeleteOptions')) },
  DeleteOptions: {
    1: one('gracePeriodSeconds', 'int?'),
    2: one('preconditions', of('Preconditions')),
    3: one('orphanDependents', 'bool?'),
    4: one('propagationPolicy'),
    5: many('dryRun'),
    6: one('ignoreStoreReadErrorWithClusterBreakingPotential', 'bool?'),
  },
  Preconditions: { 1: one('uid'), 2: one('resourceVersion') },
}

/** The message of a kind. */
export const messageOfKind: ReadonlyMap<string, MessageName> = new Map<string, MessageName>([
  ['v1/Namespace', 'Namespace'],
  ['v1/ConfigMap', 'ConfigMap'],
  ['v1/Secret', 'Secret'],
  ['v1/ServiceAccount', 'ServiceAccount'],
  ['v1/Service', 'Service'],
  ['v1/Pod', 'Pod'],
  ['apps/v1/Deployment', 'Deployment'],
  ['apps/v1/ReplicaSet', 'ReplicaSet'],
  ['batch/v1/Job', 'Job'],
  ['batch/v1/CronJob', 'CronJob'],
  ['autoscaling/v1/Scale', 'Scale'],
  ['policy/v1/Eviction', 'Eviction'],
  ['rbac.authorization.k8s.io/v1/Role', 'Role'],
  ['rbac.authorization.k8s.io/v1/ClusterRole', 'Role'],
  ['rbac.authorization.k8s.io/v1/RoleBinding', 'Binding'],
  ['rbac.authorization.k8s.io/v1/ClusterRoleBinding', 'Binding'],
  ['authorization.k8s.io/v1/SelfSubjectAccessReview', 'SelfSubjectAccessReview'],
  ['authorization.k8s.io/v1/SelfSubjectRulesReview', 'SelfSubjectRulesReview'],
  ['authentication.k8s.io/v1/SelfSubjectReview', 'SelfSubjectReview'],
])
