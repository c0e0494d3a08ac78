/** Pods and what they are made of. The notation: parse-shapes.ts. */
export const podShapes = `
Pod
  ...object, spec PodSpec, status PodStatus
PodSpec
  activeDeadlineSeconds long, affinity any, automountServiceAccountToken bool,
  containers [Container by name]!, dnsConfig any, dnsPolicy string, enableServiceLinks bool,
  ephemeralContainers [any by name], hostAliases [HostAlias by ip], hostIPC bool,
  hostNetwork bool, hostPID bool, hostUsers bool, hostname string, hostnameOverride string,
  imagePullSecrets [LocalObjectReference by name], initContainers [Container by name],
  nodeName string, nodeSelector {string} atomic, os PodOS, overhead {quantity},
  preemptionPolicy string, priority int, priorityClassName string,
  readinessGates [PodReadinessGate], resourceClaims [any by name] retain,
  resources ResourceRequirements, restartPolicy string, runtimeClassName string,
  schedulerName string, schedulingGates [PodSchedulingGate by name],
  securityContext PodSecurityContext, serviceAccount string, serviceAccountName string,
  setHostnameAsFQDN bool, shareProcessNamespace bool, subdomain string,
  terminationGracePeriodSeconds long, tolerations [Toleration],
  topologySpreadConstraints [TopologySpreadConstraint by topologyKey+whenUnsatisfiable],
  volumes [Volume by name] retain, workloadRef any
Container
  args [string], command [string], env [EnvVar by name], envFrom [EnvFromSource], image string,
  imagePullPolicy string, lifecycle Lifecycle, livenessProbe Probe, name string!,
  ports [ContainerPort by containerPort+protocol], readinessProbe Probe,
  resizePolicy [ContainerResizePolicy], resources ResourceRequirements, restartPolicy string,
  restartPolicyRules [any], securityContext SecurityContext, startupProbe Probe, stdin bool,
  stdinOnce bool, terminationMessagePath string, terminationMessagePolicy string, tty bool,
  volumeDevices [VolumeDevice by devicePath], volumeMounts [VolumeMount by mountPath],
  workingDir string
EnvVar
  name string!, value string, valueFrom EnvVarSource
EnvVarSource
  configMapKeyRef ConfigMapKeySelector, fieldRef ObjectFieldSelector, fileKeyRef any,
  resourceFieldRef ResourceFieldSelector, secretKeyRef SecretKeySelector
ConfigMapKeySelector atomic
  key string!, name string, optional bool
ObjectFieldSelector atomic
  apiVersion string, fieldPath string!
ResourceFieldSelector atomic
  containerName string, divisor quantity, resource string!
SecretKeySelector atomic
  key string!, name string, optional bool
EnvFromSource
  configMapRef ConfigMapEnvSource, prefix string, secretRef SecretEnvSource
ConfigMapEnvSource
  name string, optional bool
SecretEnvSource
  name string, optional bool
Lifecycle
  postStart LifecycleHandler, preStop LifecycleHandler, stopSignal string
LifecycleHandler
  exec ExecAction, httpGet HTTPGetAction, sleep SleepAction, tcpSocket TCPSocketAction
ExecAction
  command [string]
HTTPGetAction
  host string, httpHeaders [HTTPHeader], path string, port intOrString!, scheme string
HTTPHeader
  name string!, value string!
SleepAction
  seconds long!
TCPSocketAction
  host string, port intOrString!
Probe
  exec ExecAction, failureThreshold int, grpc GRPCAction, httpGet HTTPGetAction,
  initialDelaySeconds int, periodSeconds int, successThreshold int, tcpSocket TCPSocketAction,
  terminationGracePeriodSeconds long, timeoutSeconds int
GRPCAction
  port int!, service string
ContainerPort
  containerPort int!, hostIP string, hostPort int, name string, protocol string
ContainerResizePolicy
  resourceName string!, restartPolicy string!
ResourceRequirements
  claims [any by name], limits {quantity}, requests {quantity}
SecurityContext
  allowPrivilegeEscalation bool, appArmorProfile any, capabilities Capabilities,
  privileged bool, procMount string, readOnlyRootFilesystem bool, runAsGroup long,
  runAsNonRoot bool, runAsUser long, seLinuxOptions any, seccompProfile SeccompProfile,
  windowsOptions any
Capabilities
  add [string], drop [string]
SeccompProfile
  localhostProfile string, type string!
VolumeDevice
  devicePath string!, name string!
VolumeMount
  mountPath string!, mountPropagation string, name string!, readOnly bool,
  recursiveReadOnly string, subPath string, subPathExpr string
HostAlias
  hostnames [string], ip string!
LocalObjectReference atomic
  name string
PodOS
  name string!
PodReadinessGate
  conditionType string!
PodSchedulingGate
  name string!
PodSecurityContext
  appArmorProfile any, fsGroup long, fsGroupChangePolicy string, runAsGroup long,
  runAsNonRoot bool, runAsUser long, seLinuxChangePolicy string, seLinuxOptions any,
  seccompProfile SeccompProfile, supplementalGroups [long], supplementalGroupsPolicy string,
  sysctls [Sysctl], windowsOptions any
Sysctl
  name string!, value string!
Toleration
  effect string, key string, operator string, tolerationSeconds long, value string
TopologySpreadConstraint
  labelSelector LabelSelector, matchLabelKeys [string], maxSkew int!, minDomains int,
  nodeAffinityPolicy string, nodeTaintsPolicy string, topologyKey string!,
  whenUnsatisfiable string!
Volume
  awsElasticBlockStore any, azureDisk any, azureFile any, cephfs any, cinder any,
  configMap ConfigMapVolumeSource, csi any, downwardAPI DownwardAPIVolumeSource,
  emptyDir EmptyDirVolumeSource, ephemeral any, fc any, flexVolume any, flocker any,
  gcePersistentDisk any, gitRepo any, glusterfs any, hostPath HostPathVolumeSource, image any,
  iscsi any, name string!, nfs any, persistentVolumeClaim PersistentVolumeClaimVolumeSource,
  photonPersistentDisk any, portworxVolume any, projected ProjectedVolumeSource, quobyte any,
  rbd any, scaleIO any, secret SecretVolumeSource, storageos any, vsphereVolume any
ConfigMapVolumeSource
  defaultMode int, items [KeyToPath], name string, optional bool
KeyToPath
  key string!, mode int, path string!
DownwardAPIVolumeSource
  defaultMode int, items [DownwardAPIVolumeFile]
DownwardAPIVolumeFile
  fieldRef ObjectFieldSelector, mode int, path string!, resourceFieldRef ResourceFieldSelector
EmptyDirVolumeSource
  medium string, sizeLimit quantity
HostPathVolumeSource
  path string!, type string
PersistentVolumeClaimVolumeSource
  claimName string!, readOnly bool
ProjectedVolumeSource
  defaultMode int, sources [VolumeProjection]
VolumeProjection
  clusterTrustBundle any, configMap ConfigMapProjection, downwardAPI DownwardAPIProjection,
  podCertificate any, secret SecretProjection, serviceAccountToken ServiceAccountTokenProjection
ConfigMapProjection
  items [KeyToPath], name string, optional bool
DownwardAPIProjection
  items [DownwardAPIVolumeFile]
SecretProjection
  items [KeyToPath], name string, optional bool
ServiceAccountTokenProjection
  audience string, expirationSeconds long, path string!
SecretVolumeSource
  defaultMode int, items [KeyToPath], optional bool, secretName string
PodStatus
  allocatedResources {quantity}, conditions [PodCondition by type],
  containerStatuses [ContainerStatus], ephemeralContainerStatuses [ContainerStatus],
  extendedResourceClaimStatus any, hostIP string, hostIPs [HostIP merge ip],
  initContainerStatuses [ContainerStatus], message string, nominatedNodeName string,
  observedGeneration long, phase string, podIP string, podIPs [PodIP by ip], qosClass string,
  reason string, resize string, resourceClaimStatuses [any by name] retain,
  resources ResourceRequirements, startTime time
PodCondition
  lastProbeTime time, lastTransitionTime time, message string, observedGeneration long,
  reason string, status string!, type string!
ContainerStatus
  allocatedResources {quantity}, allocatedResourcesStatus [any by name], containerID string,
  image string!, imageID string!, lastState ContainerState, name string!, ready bool!,
  resources ResourceRequirements, restartCount int!, started bool, state ContainerState,
  stopSignal string, user any, volumeMounts [any by mountPath]
ContainerState
  running ContainerStateRunning, terminated ContainerStateTerminated,
  waiting ContainerStateWaiting
ContainerStateRunning
  startedAt time
ContainerStateTerminated
  containerID string, exitCode int!, finishedAt time, message string, reason string, signal int,
  startedAt time
ContainerStateWaiting
  message string, reason string
HostIP
  ip string!
PodIP
  ip string!
`
