/** Rights: who may do what, and the reviews that ask; leases. The notation: parse-shapes.ts. */
export const accessShapes = `
ClusterRole
  aggregationRule AggregationRule, ...object, rules [PolicyRule]
AggregationRule
  clusterRoleSelectors [LabelSelector]
PolicyRule
  apiGroups [string], nonResourceURLs [string], resourceNames [string], resources [string],
  verbs [string]!
Role
  ...object, rules [PolicyRule]
ClusterRoleBinding
  ...object, roleRef RoleRef!, subjects [Subject]
RoleRef atomic
  apiGroup string!, kind string!, name string!
Subject atomic
  apiGroup string, kind string!, name string!, namespace string
RoleBinding
  ...object, roleRef RoleRef!, subjects [Subject]
SelfSubjectAccessReview
  ...object, spec SelfSubjectAccessReviewSpec!, status SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec
  nonResourceAttributes NonResourceAttributes, resourceAttributes ResourceAttributes
NonResourceAttributes
  path string, verb string
ResourceAttributes
  fieldSelector any, group string, labelSelector any, name string, namespace string,
  resource string, subresource string, verb string, version string
SubjectAccessReviewStatus
  allowed bool!, denied bool, evaluationError string, reason string
SubjectAccessReview
  ...object, spec SubjectAccessReviewSpec!, status SubjectAccessReviewStatus
SubjectAccessReviewSpec
  extra {[string]}, groups [string], nonResourceAttributes NonResourceAttributes,
  resourceAttributes ResourceAttributes, uid string, user string
SelfSubjectRulesReview
  ...object, spec SelfSubjectRulesReviewSpec!, status SubjectRulesReviewStatus
SelfSubjectRulesReviewSpec
  namespace string
SubjectRulesReviewStatus
  evaluationError string, incomplete bool!, nonResourceRules [NonResourceRule]!,
  resourceRules [ResourceRule]!
NonResourceRule
  nonResourceURLs [string], verbs [string]!
ResourceRule
  apiGroups [string], resourceNames [string], resources [string], verbs [string]!
SelfSubjectReview
  ...object, status SelfSubjectReviewStatus
SelfSubjectReviewStatus
  userInfo UserInfo
UserInfo
  extra {[string]}, groups [string], uid string, username string
Lease
  ...object, spec LeaseSpec
LeaseSpec
  acquireTime microtime, holderIdentity string, leaseDurationSeconds int, leaseTransitions int,
  preferredHolder string, renewTime microtime, strategy string
CustomResourceDefinition
  ...object, spec CustomResourceDefinitionSpec!
CustomResourceDefinitionSpec
  group string!, names CustomResourceDefinitionNames!, preserveUnknownFields bool, scope string!
CustomResourceDefinitionNames
  categories [string], kind string!, listKind string, plural string!, shortNames [string],
  singular string
`
