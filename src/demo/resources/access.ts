import {
  type FieldProblem,
  forbiddenField,
  invalidValue,
  required,
  unsupportedValue,
} from '../api-error.ts'
import { isObject, type JsonObject, listAt, objectAt, sameJson, textAt } from '../json.ts'
import { ageColumn, nameColumn } from './format.ts'
import { fill } from './pod-spec.ts'
import type { Column, ResourceType } from './types.ts'
import { ALL_VERBS } from './verbs.ts'

const RBAC = 'rbac.authorization.k8s.io'

const rbac = {
  group: RBAC,
  version: 'v1',
  shortNames: [],
  categories: [],
  subresources: [],
  verbs: ALL_VERBS,
  nameRule: 'path',
} as const

const roleColumns: readonly Column[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    cell: (object) => textAt(object, 'metadata', 'creationTimestamp'),
  },
]

const bindingColumns: readonly Column[] = [
  nameColumn,
  {
    name: 'Role',
    type: 'string',
    cell: (object) => `${textAt(object, 'roleRef', 'kind')}/${textAt(object, 'roleRef', 'name')}`,
  },
  ageColumn,
  subjectsColumn('Users', 'User'),
  subjectsColumn('Groups', 'Group'),
  subjectsColumn('ServiceAccounts', 'ServiceAccount'),
]

function subjectsColumn(name: string, kind: string): Column {
  return {
    name,
    type: 'string',
    wide: true,
    cell: (object) =>
      listAt(object, 'subjects')
        .filter((subject) => textAt(subject, 'kind') === kind)
        .map((subject) =>
          kind === 'ServiceAccount'
            ? `${textAt(subject, 'namespace')}/${textAt(subject, 'name')}`
            : textAt(subject, 'name'),
        )
        .join(', '),
  }
}

export const clusterroles: ResourceType = {
  ...rbac,
  resource: 'clusterroles',
  singular: 'clusterrole',
  kind: 'ClusterRole',
  shape: 'ClusterRole',
  namespaced: false,
  columns: roleColumns,
  says: 'Rights that a binding gives: everywhere, or in one namespace. Enforced here too.',
  validate: (object) => validateRules(object, true),
}

export const roles: ResourceType = {
  ...rbac,
  resource: 'roles',
  singular: 'role',
  kind: 'Role',
  shape: 'Role',
  namespaced: true,
  columns: roleColumns,
  says: 'Rights in one namespace. Enforced here too.',
  validate: (object) => validateRules(object, false),
}

export const clusterrolebindings: ResourceType = {
  ...rbac,
  resource: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  kind: 'ClusterRoleBinding',
  shape: 'ClusterRoleBinding',
  namespaced: false,
  columns: bindingColumns,
  says: 'Gives the rights of a ClusterRole to users and groups, everywhere.',
  prepareCreate: defaultBinding,
  prepareUpdate: defaultBinding,
  validate: (object, old) => validateBinding(object, old, ['ClusterRole']),
}

export const rolebindings: ResourceType = {
  ...rbac,
  resource: 'rolebindings',
  singular: 'rolebinding',
  kind: 'RoleBinding',
  shape: 'RoleBinding',
  namespaced: true,
  columns: bindingColumns,
  says: 'Gives the rights of a Role or ClusterRole to users and groups, in one namespace.',
  prepareCreate: defaultBinding,
  prepareUpdate: defaultBinding,
  validate: (object, old) => validateBinding(object, old, ['ClusterRole', 'Role']),
}

function defaultBinding(object: JsonObject): void {
  const reference = objectAt(object, 'roleRef')
  fill(reference, { apiGroup: RBAC })
  for (const subject of listAt(object, 'subjects')) {
    if (isObject(subject) && subject['kind'] !== 'ServiceAccount') fill(subject, { apiGroup: RBAC })
  }
}

function validateRules(object: JsonObject, cluster: boolean): FieldProblem[] {
  return listAt(object, 'rules').flatMap((rule, index) => {
    const path = `rules[${index}]`
    const problems: FieldProblem[] = []
    if (listAt(rule, 'verbs').length === 0) {
      problems.push(required(`${path}.verbs`, 'verbs must contain at least one value'))
    }
    const urls = listAt(rule, 'nonResourceURLs').length > 0
    if (urls && !cluster) {
      const why = 'namespaced rules cannot apply to non-resource URLs'
      problems.push(
        invalidValue(`${path}.nonResourceURLs`, [...listAt(rule, 'nonResourceURLs')], why),
      )
    }
    if (!urls && listAt(rule, 'apiGroups').length === 0) {
      const why = 'resource rules must supply at least one api group'
      problems.push(required(`${path}.apiGroups`, why))
    }
    if (!urls && listAt(rule, 'resources').length === 0) {
      const why = 'resource rules must supply at least one resource'
      problems.push(required(`${path}.resources`, why))
    }
    return problems
  })
}

const SUBJECT_KINDS = ['ServiceAccount', 'User', 'Group'] as const

function validateBinding(
  object: JsonObject,
  old: JsonObject | null,
  kinds: readonly string[],
): FieldProblem[] {
  const problems: FieldProblem[] = []
  const reference = objectAt(object, 'roleRef')
  if (old !== null && !sameJson(reference, objectAt(old, 'roleRef'))) {
    problems.push(invalidValue('roleRef', reference, 'cannot change roleRef'))
  }
  const kind = textAt(reference, 'kind')
  if (!kinds.includes(kind)) problems.push(unsupportedValue('roleRef.kind', kind, kinds))
  if (textAt(reference, 'name') === '') problems.push(required('roleRef.name'))
  for (const [index, subject] of listAt(object, 'subjects').entries()) {
    const path = `subjects[${index}]`
    const subjectKind = textAt(subject, 'kind')
    if (!(SUBJECT_KINDS as readonly string[]).includes(subjectKind)) {
      problems.push(unsupportedValue(`${path}.kind`, subjectKind, SUBJECT_KINDS))
    }
    if (textAt(subject, 'name') === '') problems.push(required(`${path}.name`))
    if (subjectKind === 'ServiceAccount' && textAt(subject, 'namespace') === '') {
      problems.push(
        object['kind'] === 'ClusterRoleBinding'
          ? required(`${path}.namespace`)
          : forbiddenField(`${path}.namespace`, 'a service account is named with its namespace'),
      )
    }
  }
  return problems
}

const review = {
  version: 'v1',
  namespaced: false,
  shortNames: [],
  categories: [],
  verbs: ['create'],
  subresources: [],
  columns: [nameColumn],
} as const

/** Questions about rights: nothing is stored, the answer is the object with its status. */
export const reviews: readonly ResourceType[] = [
  {
    ...review,
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    singular: 'selfsubjectaccessreview',
    kind: 'SelfSubjectAccessReview',
    shape: 'SelfSubjectAccessReview',
    says: 'Asks whether the caller may do something.',
  },
  {
    ...review,
    group: 'authorization.k8s.io',
    resource: 'selfsubjectrulesreviews',
    singular: 'selfsubjectrulesreview',
    kind: 'SelfSubjectRulesReview',
    shape: 'SelfSubjectRulesReview',
    says: 'Asks for everything that the caller may do in a namespace.',
  },
  {
    ...review,
    group: 'authorization.k8s.io',
    resource: 'subjectaccessreviews',
    singular: 'subjectaccessreview',
    kind: 'SubjectAccessReview',
    shape: 'SubjectAccessReview',
    says: 'Asks whether somebody may do something.',
  },
  {
    ...review,
    group: 'authentication.k8s.io',
    resource: 'selfsubjectreviews',
    singular: 'selfsubjectreview',
    kind: 'SelfSubjectReview',
    shape: 'SelfSubjectReview',
    says: 'Asks who the caller is.',
  },
]

export const leases: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  singular: 'lease',
  kind: 'Lease',
  shape: 'Lease',
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: ALL_VERBS,
  subresources: [],
  columns: [
    nameColumn,
    { name: 'Holder', type: 'string', cell: (object) => textAt(object, 'spec', 'holderIdentity') },
    ageColumn,
  ],
  says: 'Who leads, among several that could.',
}

/** Browsers of clusters watch these to learn what there is besides; here is nothing besides, and nobody can add any. */
export const customresourcedefinitions: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  kind: 'CustomResourceDefinition',
  shape: 'CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  verbs: ['get', 'list', 'watch'],
  subresources: [],
  columns: [
    nameColumn,
    {
      name: 'Created At',
      type: 'date',
      cell: (object) => textAt(object, 'metadata', 'creationTimestamp'),
    },
  ],
  says: 'A kind of object that somebody has added. The demo cluster has none.',
}
