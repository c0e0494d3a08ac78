/** The core group, and events in both of theirs. The notation: parse-shapes.ts. */
export const coreShapes = `
Namespace
  ...object, spec NamespaceSpec, status NamespaceStatus
NamespaceSpec
  finalizers [string]
NamespaceStatus
  conditions [NamespaceCondition by type], phase string
NamespaceCondition
  lastTransitionTime time, message string, reason string, status string!, type string!
Node
  ...object, spec NodeSpec, status NodeStatus
NodeSpec
  configSource any, externalID string, podCIDR string, podCIDRs [string set], providerID string,
  taints [Taint], unschedulable bool
Taint
  effect string!, key string!, timeAdded time, value string
NodeStatus
  addresses [NodeAddress by type], allocatable {quantity}, capacity {quantity},
  conditions [NodeCondition by type], config any, daemonEndpoints NodeDaemonEndpoints,
  declaredFeatures [string], features any, images [ContainerImage], nodeInfo NodeSystemInfo,
  phase string, runtimeHandlers [any], volumesAttached [any], volumesInUse [string]
NodeAddress
  address string!, type string!
NodeCondition
  lastHeartbeatTime time, lastTransitionTime time, message string, reason string,
  status string!, type string!
NodeDaemonEndpoints
  kubeletEndpoint DaemonEndpoint
DaemonEndpoint
  Port int!
ContainerImage
  names [string], sizeBytes long
NodeSystemInfo
  architecture string!, bootID string!, containerRuntimeVersion string!, kernelVersion string!,
  kubeProxyVersion string!, kubeletVersion string!, machineID string!, operatingSystem string!,
  osImage string!, swap any, systemUUID string!
Service
  ...object, spec ServiceSpec, status ServiceStatus
ServiceSpec
  allocateLoadBalancerNodePorts bool, clusterIP string, clusterIPs [string],
  externalIPs [string], externalName string, externalTrafficPolicy string,
  healthCheckNodePort int, internalTrafficPolicy string, ipFamilies [string],
  ipFamilyPolicy string, loadBalancerClass string, loadBalancerIP string,
  loadBalancerSourceRanges [string], ports [ServicePort by port+protocol],
  publishNotReadyAddresses bool, selector {string} atomic, sessionAffinity string,
  sessionAffinityConfig any, trafficDistribution string, type string
ServicePort
  appProtocol string, name string, nodePort int, port int!, protocol string,
  targetPort intOrString
ServiceStatus
  conditions [Condition by type], loadBalancer LoadBalancerStatus
LoadBalancerStatus
  ingress [LoadBalancerIngress]
LoadBalancerIngress
  hostname string, ip string, ipMode string, ports [any]
Endpoints
  ...object, subsets [EndpointSubset]
EndpointSubset
  addresses [EndpointAddress], notReadyAddresses [EndpointAddress], ports [EndpointPort]
EndpointAddress atomic
  hostname string, ip string!, nodeName string, targetRef ObjectReference
ObjectReference atomic
  apiVersion string, fieldPath string, kind string, name string, namespace string,
  resourceVersion string, uid string
EndpointPort atomic
  appProtocol string, name string, port int!, protocol string
ConfigMap
  ...object, binaryData {bytes}, data {string}, immutable bool
Secret
  ...object, data {bytes}, immutable bool, stringData {string}, type string
ServiceAccount
  ...object, automountServiceAccountToken bool, imagePullSecrets [LocalObjectReference],
  secrets [ObjectReference by name]
Event
  ...object, action string, count int, eventTime microtime, firstTimestamp time,
  involvedObject ObjectReference!, lastTimestamp time, message string, reason string,
  related ObjectReference, reportingComponent string, reportingInstance string,
  series EventSeries, source EventSource, type string
EventSeries
  count int, lastObservedTime microtime
EventSource
  component string, host string
EventsEvent
  ...object, action string, deprecatedCount int, deprecatedFirstTimestamp time,
  deprecatedLastTimestamp time, deprecatedSource EventSource, eventTime microtime!, note string,
  reason string, regarding ObjectReference, related ObjectReference, reportingController string,
  reportingInstance string, series EventsEventSeries, type string
EventsEventSeries
  count int!, lastObservedTime microtime!
`
