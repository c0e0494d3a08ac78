import { type FieldProblem, forbiddenField } from '../api-error.ts'
import {
  at,
  isObject,
  type Json,
  type JsonObject,
  listAt,
  numberAt,
  objectAt,
  put,
  sameJson,
  textAt,
  textsAt,
} from '../json.ts'
import { ageColumn, ageOf, NONE, nameColumn } from './format.ts'
import { defaultPodSpec, fill, validatePodSpec } from './pod-spec.ts'
import type { Cell, Column, ResourceType } from './types.ts'
import { ALL_VERBS, statusOf } from './verbs.ts'

const streamVerbs = ['create', 'get'] as const

/** Pods, and what people do with them. */
export const pods: ResourceType = {
  group: '',
  version: 'v1',
  resource: 'pods',
  singular: 'pod',
  kind: 'Pod',
  shape: 'Pod',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  verbs: ALL_VERBS,
  subresources: [
    { name: 'attach', kind: 'PodAttachOptions', verbs: streamVerbs },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: streamVerbs },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: streamVerbs },
    statusOf('Pod'),
  ],
  says: 'Containers that are started together on one node. In the demo cluster nothing runs: it is pretended.',
  columns: [
    nameColumn,
    { name: 'Ready', type: 'string', cell: readyText },
    { name: 'Status', type: 'string', cell: podStatusText },
    { name: 'Restarts', type: 'string', cell: restartsText },
    ageColumn,
    wide('IP', (pod) => textAt(pod, 'status', 'podIP') || NONE),
    wide('Node', (pod) => textAt(pod, 'spec', 'nodeName') || NONE),
    wide('Nominated Node', (pod) => textAt(pod, 'status', 'nominatedNodeName') || NONE),
    wide('Readiness Gates', () => NONE),
  ],
  prepareCreate(pod) {
    const spec = objectAt(pod, 'spec')
    defaultPodSpec(spec)
    fill(spec, {
      serviceAccountName: 'default',
      serviceAccount: 'default',
      enableServiceLinks: true,
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    })
    put(pod, ['spec'], spec)
    put(pod, ['status'], { phase: 'Pending', qosClass: qosClass(spec) })
  },
  prepareUpdate(pod, old) {
    const spec = objectAt(pod, 'spec')
    defaultPodSpec(spec)
    put(pod, ['status'], objectAt(old, 'status'))
  },
  validate(pod, old) {
    const problems = validatePodSpec(objectAt(pod, 'spec'), 'spec', false)
    if (old !== null) problems.push(...unchangeable(pod, old))
    return problems
  },
  fields: (pod) => ({
    'spec.nodeName': textAt(pod, 'spec', 'nodeName'),
    'spec.restartPolicy': textAt(pod, 'spec', 'restartPolicy'),
    'spec.schedulerName': textAt(pod, 'spec', 'schedulerName'),
    'spec.serviceAccountName': textAt(pod, 'spec', 'serviceAccountName'),
    'spec.hostNetwork': String(at(pod, 'spec', 'hostNetwork') === true),
    'status.phase': textAt(pod, 'status', 'phase'),
    'status.podIP': textAt(pod, 'status', 'podIP'),
    'status.nominatedNodeName': textAt(pod, 'status', 'nominatedNodeName'),
  }),
}

function wide(name: string, cell: (object: JsonObject) => Cell): Column {
  return { name, type: 'string', wide: true, cell }
}

function readyText(pod: JsonObject): string {
  const ready = listAt(pod, 'status', 'containerStatuses').filter(
    (status) => at(status, 'ready') === true && isObject(at(status, 'state', 'running')),
  )
  return `${ready.length}/${listAt(pod, 'spec', 'containers').length}`
}

/** The word in the STATUS column: the most telling reason, else the phase. */
export function podStatusText(pod: JsonObject): string {
  const phase = textAt(pod, 'status', 'phase')
  let text = textAt(pod, 'status', 'reason') || phase
  let running = false
  for (const status of [...listAt(pod, 'status', 'containerStatuses')].reverse()) {
    const waiting = textAt(status, 'state', 'waiting', 'reason')
    const ended = at(status, 'state', 'terminated')
    if (waiting !== '') text = waiting
    else if (isObject(ended)) text = textAt(ended, 'reason') || `ExitCode:${ended['exitCode']}`
    else if (at(status, 'ready') === true) running = true
  }
  if (text === 'Completed' && running) text = isReady(pod) ? 'Running' : 'NotReady'
  if (at(pod, 'metadata', 'deletionTimestamp') !== undefined) {
    return phase === 'Succeeded' || phase === 'Failed' ? text : 'Terminating'
  }
  return text
}

export const isReady = (pod: JsonObject): boolean => conditionOf(pod, 'Ready') === 'True'

/** `True`, `False`, `Unknown`, or `''` when there is no such condition. */
export function conditionOf(object: JsonObject, type: string): string {
  const found = listAt(object, 'status', 'conditions').find(
    (condition) => textAt(condition, 'type') === type,
  )
  return textAt(found, 'status')
}

function restartsText(pod: JsonObject, nowMs: number): string {
  let restarts = 0
  let last = ''
  for (const status of listAt(pod, 'status', 'containerStatuses')) {
    restarts += numberAt(status, 'restartCount') ?? 0
    const ended = textAt(status, 'lastState', 'terminated', 'finishedAt')
    if (ended > last) last = ended
  }
  return last === '' ? String(restarts) : `${restarts} (${ageOf(last, nowMs)} ago)`
}

/** Guaranteed when limits equal requests everywhere, BestEffort without any, else Burstable. */
function qosClass(spec: JsonObject): string {
  const resources = listAt(spec, 'containers').map((container) => ({
    limits: textsAt(container, 'resources', 'limits'),
    requests: textsAt(container, 'resources', 'requests'),
  }))
  const named = resources.flatMap(({ limits, requests }) => [
    ...Object.keys(limits),
    ...Object.keys(requests),
  ])
  if (named.length === 0) return 'BestEffort'
  const guaranteed = resources.every(({ limits, requests }) =>
    ['cpu', 'memory'].every(
      (name) =>
        limits[name] !== undefined &&
        (requests[name] === undefined || requests[name] === limits[name]),
    ),
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

/** A pod's spec stays as it is, but for images, its deadline, and tolerations that are added. */
function unchangeable(pod: JsonObject, old: JsonObject): FieldProblem[] {
  const comparable = (object: JsonObject): Json => {
    const spec = structuredClone(objectAt(object, 'spec'))
    for (const name of ['activeDeadlineSeconds', 'tolerations', 'nodeName', 'schedulingGates']) {
      delete spec[name]
    }
    for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
      for (const container of listAt(spec, list)) {
        if (isObject(container)) {
          delete container['image']
          delete container['imagePullPolicy']
        }
      }
    }
    delete spec['ephemeralContainers']
    return spec
  }
  const was = textAt(old, 'spec', 'nodeName')
  const moved = was !== '' && was !== textAt(pod, 'spec', 'nodeName')
  if (!moved && sameJson(comparable(pod), comparable(old))) return []
  return [
    forbiddenField(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)',
    ),
  ]
}
