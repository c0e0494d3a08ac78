/** Workloads and what is asked of them besides. The notation: parse-shapes.ts. */
export const appsShapes = `
Deployment
  ...object, spec DeploymentSpec, status DeploymentStatus
DeploymentSpec
  minReadySeconds int, paused bool, progressDeadlineSeconds int, replicas int,
  revisionHistoryLimit int, selector LabelSelector!, strategy DeploymentStrategy retain,
  template PodTemplateSpec!
DeploymentStrategy
  rollingUpdate RollingUpdateDeployment, type string
RollingUpdateDeployment
  maxSurge intOrString, maxUnavailable intOrString
PodTemplateSpec
  metadata ObjectMeta, spec PodSpec
DeploymentStatus
  availableReplicas int, collisionCount int, conditions [DeploymentCondition by type],
  observedGeneration long, readyReplicas int, replicas int, terminatingReplicas int,
  unavailableReplicas int, updatedReplicas int
DeploymentCondition
  lastTransitionTime time, lastUpdateTime time, message string, reason string, status string!,
  type string!
ReplicaSet
  ...object, spec ReplicaSetSpec, status ReplicaSetStatus
ReplicaSetSpec
  minReadySeconds int, replicas int, selector LabelSelector!, template PodTemplateSpec
ReplicaSetStatus
  availableReplicas int, conditions [ReplicaSetCondition by type], fullyLabeledReplicas int,
  observedGeneration long, readyReplicas int, replicas int!, terminatingReplicas int
ReplicaSetCondition
  lastTransitionTime time, message string, reason string, status string!, type string!
StatefulSet
  ...object, spec StatefulSetSpec, status StatefulSetStatus
StatefulSetSpec
  minReadySeconds int, ordinals any, persistentVolumeClaimRetentionPolicy any,
  podManagementPolicy string, replicas int, revisionHistoryLimit int, selector LabelSelector!,
  serviceName string, template PodTemplateSpec!, updateStrategy StatefulSetUpdateStrategy,
  volumeClaimTemplates [any]
StatefulSetUpdateStrategy
  rollingUpdate RollingUpdateStatefulSetStrategy, type string
RollingUpdateStatefulSetStrategy
  maxUnavailable intOrString, partition int
StatefulSetStatus
  availableReplicas int, collisionCount int, conditions [StatefulSetCondition by type],
  currentReplicas int, currentRevision string, observedGeneration long, readyReplicas int,
  replicas int!, updateRevision string, updatedReplicas int
StatefulSetCondition
  lastTransitionTime time, message string, reason string, status string!, type string!
DaemonSet
  ...object, spec DaemonSetSpec, status DaemonSetStatus
DaemonSetSpec
  minReadySeconds int, revisionHistoryLimit int, selector LabelSelector!,
  template PodTemplateSpec!, updateStrategy DaemonSetUpdateStrategy
DaemonSetUpdateStrategy
  rollingUpdate RollingUpdateDaemonSet, type string
RollingUpdateDaemonSet
  maxSurge intOrString, maxUnavailable intOrString
DaemonSetStatus
  collisionCount int, conditions [DaemonSetCondition by type], currentNumberScheduled int!,
  desiredNumberScheduled int!, numberAvailable int, numberMisscheduled int!, numberReady int!,
  numberUnavailable int, observedGeneration long, updatedNumberScheduled int
DaemonSetCondition
  lastTransitionTime time, message string, reason string, status string!, type string!
Job
  ...object, spec JobSpec, status JobStatus
JobSpec
  activeDeadlineSeconds long, backoffLimit int, backoffLimitPerIndex int, completionMode string,
  completions int, managedBy string, manualSelector bool, maxFailedIndexes int, parallelism int,
  podFailurePolicy any, podReplacementPolicy string, selector LabelSelector, successPolicy any,
  suspend bool, template PodTemplateSpec!, ttlSecondsAfterFinished int
JobStatus
  active int, completedIndexes string, completionTime time,
  conditions [JobCondition merge type], failed int, failedIndexes string, ready int,
  startTime time, succeeded int, terminating int, uncountedTerminatedPods any
JobCondition
  lastProbeTime time, lastTransitionTime time, message string, reason string, status string!,
  type string!
Scale
  ...object, spec ScaleSpec, status ScaleStatus
ScaleSpec
  replicas int
ScaleStatus
  replicas int!, selector string
Eviction
  ...object, deleteOptions DeleteOptions
`
