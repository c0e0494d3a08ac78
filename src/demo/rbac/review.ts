import { badRequest } from '../api-error.ts'
import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts'
import type { ResourceType } from '../resources/types.ts'
import type { Store } from '../store/store.ts'
import { type Attributes, authorize, SUPERUSERS } from './authorize.ts'
import { type Principal, type Rule, rulesOf } from './rules.ts'

/** Answers the reviews that `kubectl auth` and the product's own check ask for. */
export function answerReview(
  store: Store,
  principal: Principal,
  type: ResourceType,
  object: JsonObject,
): JsonObject {
  switch (type.kind) {
    case 'SelfSubjectAccessReview':
      return { ...object, status: access(store, principal, object) }
    case 'SubjectAccessReview': {
      const groups = listAt(object, 'spec', 'groups').filter((item) => typeof item === 'string')
      const somebody = { user: textAt(object, 'spec', 'user'), groups }
      return { ...object, status: access(store, somebody, object) }
    }
    case 'SelfSubjectRulesReview':
      return { ...object, status: rules(store, principal, textAt(object, 'spec', 'namespace')) }
    default: {
      const userInfo = { username: principal.user, groups: [...principal.groups] }
      return { ...object, status: { userInfo } }
    }
  }
}

function access(store: Store, principal: Principal, object: JsonObject): JsonObject {
  const { allowed, reason } = authorize(store, principal, attributesOf(objectAt(object, 'spec')))
  return { allowed, ...(reason === '' ? {} : { reason }) }
}

function attributesOf(spec: JsonObject): Attributes {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec
  if (isObject(resource)) {
    return {
      kind: 'resource',
      verb: textAt(resource, 'verb'),
      group: textAt(resource, 'group'),
      resource: textAt(resource, 'resource'),
      subresource: textAt(resource, 'subresource'),
      namespace: textAt(resource, 'namespace'),
      name: textAt(resource, 'name'),
    }
  }
  if (isObject(path)) {
    return { kind: 'path', verb: textAt(path, 'verb'), path: textAt(path, 'path') }
  }
  throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified')
}

const EVERYTHING: readonly Rule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
]

function rules(store: Store, principal: Principal, namespace: string): JsonObject {
  const held = [
    ...(principal.groups.includes(SUPERUSERS) ? EVERYTHING : []),
    ...[...rulesOf(store, principal, namespace)].map(({ rule }) => rule),
  ]
  const resourceRules: Json[] = held
    .filter((rule) => rule.resources.length > 0)
    .map((rule) => ({
      verbs: [...rule.verbs],
      apiGroups: [...rule.apiGroups],
      resources: [...rule.resources],
      ...(rule.resourceNames.length === 0 ? {} : { resourceNames: [...rule.resourceNames] }),
    }))
  const nonResourceRules: Json[] = held
    .filter((rule) => rule.nonResourceURLs.length > 0)
    .map((rule) => ({ verbs: [...rule.verbs], nonResourceURLs: [...rule.nonResourceURLs] }))
  return { resourceRules, nonResourceRules, incomplete: false }
}
