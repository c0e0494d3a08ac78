import { type FieldProblem, invalidValue, required } from '../api-error.ts'
import {
  at,
  isObject,
  type JsonObject,
  listAt,
  numberAt,
  objectAt,
  put,
  sameJson,
  textAt,
  textsAt,
} from '../json.ts'
import { matchesSelector } from '../store/selectors.ts'
import { ageColumn, nameColumn, templateColumns } from './format.ts'
import { isEmptySelector, validateLabels } from './names.ts'
import { defaultPodSpec, fill, validatePodSpec } from './pod-spec.ts'
import type { Column, ResourceType } from './types.ts'
import { ALL_VERBS, scaleSubresource, statusOf } from './verbs.ts'

const apps = {
  group: 'apps',
  version: 'v1',
  namespaced: true,
  categories: ['all'],
  verbs: ALL_VERBS,
  generation: true,
} as const

const count = (object: JsonObject, ...path: readonly string[]): number =>
  numberAt(object, ...path) ?? 0

export const deployments: ResourceType = {
  ...apps,
  resource: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  shape: 'Deployment',
  shortNames: ['deploy'],
  subresources: [scaleSubresource, statusOf('Deployment')],
  says: 'So many pods of one template, changed to a new template step by step.',
  columns: [
    nameColumn,
    {
      name: 'Ready',
      type: 'string',
      cell: (object) =>
        `${count(object, 'status', 'readyReplicas')}/${count(object, 'spec', 'replicas')}`,
    },
    text('Up-to-date', 'status', 'updatedReplicas'),
    text('Available', 'status', 'availableReplicas'),
    ageColumn,
    ...templateColumns,
  ],
  prepareCreate(object) {
    defaultDeployment(object)
    put(object, ['status'], {})
  },
  prepareUpdate(object, old) {
    defaultDeployment(object)
    put(object, ['status'], objectAt(old, 'status'))
  },
  validate: (object, old) => validateWorkload(object, old),
}

export const replicasets: ResourceType = {
  ...apps,
  resource: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  shape: 'ReplicaSet',
  shortNames: ['rs'],
  subresources: [scaleSubresource, statusOf('ReplicaSet')],
  says: 'So many pods of one template. Mostly made by a deployment.',
  columns: [
    nameColumn,
    integer('Desired', 'spec', 'replicas'),
    integer('Current', 'status', 'replicas'),
    integer('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...templateColumns,
  ],
  prepareCreate(object) {
    defaultWorkload(object)
    put(object, ['status'], { replicas: 0 })
  },
  prepareUpdate(object, old) {
    defaultWorkload(object)
    put(object, ['status'], objectAt(old, 'status'))
  },
  validate: (object, old) => validateWorkload(object, old),
  fields: (object) => ({ 'status.replicas': String(count(object, 'status', 'replicas')) }),
}

function integer(name: string, ...path: readonly string[]): Column {
  return { name, type: 'integer', cell: (object) => count(object, ...path) }
}

function text(name: string, ...path: readonly string[]): Column {
  return { name, type: 'string', cell: (object) => count(object, ...path) }
}

function defaultWorkload(object: JsonObject): JsonObject {
  const spec = objectAt(object, 'spec')
  put(object, ['spec'], spec)
  fill(spec, { replicas: 1 })
  const pod = at(spec, 'template', 'spec')
  if (isObject(pod)) defaultPodSpec(pod)
  return spec
}

function defaultDeployment(object: JsonObject): void {
  const spec = defaultWorkload(object)
  fill(spec, { strategy: {}, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 })
  const strategy = objectAt(spec, 'strategy')
  fill(strategy, { type: 'RollingUpdate' })
  if (strategy['type'] === 'RollingUpdate') {
    fill(strategy, { rollingUpdate: {} })
    fill(objectAt(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' })
  }
}

function validateWorkload(object: JsonObject, old: JsonObject | null): FieldProblem[] {
  const problems: FieldProblem[] = []
  const replicas = count(object, 'spec', 'replicas')
  if (replicas < 0) {
    problems.push(invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'))
  }
  const selector = objectAt(object, 'spec', 'selector')
  const labels = textsAt(object, 'spec', 'template', 'metadata', 'labels')
  const labelsField = 'spec.template.metadata.labels'
  if (isEmptySelector(selector)) problems.push(required('spec.selector'))
  else if (!matchesSelector(selectorOf(selector), labels)) {
    const why = '`selector` does not match template `labels`'
    problems.push(invalidValue(labelsField, labels, why))
  }
  if (old !== null && !sameJson(at(object, 'spec', 'selector'), at(old, 'spec', 'selector'))) {
    problems.push(invalidValue('spec.selector', selector, 'field is immutable'))
  }
  problems.push(
    ...validateLabels(objectAt(object, 'spec', 'template', 'metadata', 'labels'), labelsField),
  )
  const pod = objectAt(object, 'spec', 'template', 'spec')
  problems.push(...validatePodSpec(pod, 'spec.template.spec', true))
  return problems
}

/** A stored `metav1.LabelSelector` in the form that matching takes. */
export function selectorOf(selector: JsonObject): Parameters<typeof matchesSelector>[0] {
  return {
    matchLabels: textsAt(selector, 'matchLabels'),
    matchExpressions: listAt(selector, 'matchExpressions').map((term) => ({
      key: textAt(term, 'key'),
      operator: textAt(term, 'operator'),
      values: listAt(term, 'values').filter((value) => typeof value === 'string'),
    })),
  }
}
