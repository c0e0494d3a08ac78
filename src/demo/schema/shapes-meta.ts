/** What all kinds have in common. The notation: parse-shapes.ts. */
export const metaShapes = `
ObjectMeta
  annotations {string}, creationTimestamp time, deletionGracePeriodSeconds long,
  deletionTimestamp time, finalizers [string set], generateName string, generation long,
  labels {string}, managedFields [ManagedFieldsEntry], name string, namespace string,
  ownerReferences [OwnerReference by uid], resourceVersion string, selfLink string, uid string
ManagedFieldsEntry
  apiVersion string, fieldsType string, fieldsV1 any, manager string, operation string,
  subresource string, time time
OwnerReference atomic
  apiVersion string!, blockOwnerDeletion bool, controller bool, kind string!, name string!,
  uid string!
LabelSelector atomic
  matchExpressions [LabelSelectorRequirement], matchLabels {string}
LabelSelectorRequirement
  key string!, operator string!, values [string]
Condition
  lastTransitionTime time!, message string!, observedGeneration long, reason string!,
  status string!, type string!
DeleteOptions
  apiVersion string, dryRun [string], gracePeriodSeconds long,
  ignoreStoreReadErrorWithClusterBreakingPotential bool, kind string, orphanDependents bool,
  preconditions Preconditions, propagationPolicy string
Preconditions
  resourceVersion string, uid string
`
