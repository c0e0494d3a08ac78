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
Scale
  ...object, spec ScaleSpec, status ScaleStatus
ScaleSpec
  replicas int
ScaleStatus
  replicas int!, selector string
Eviction
  ...object, deleteOptions DeleteOptions
`
