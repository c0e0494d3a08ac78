import { deleteObject } from '../api/delete.ts'
import { type ApiEnv, timeText } from '../api/env.ts'
import { createObject } from '../api/write.ts'
import { ApiError } from '../api-error.ts'
import {
  clone,
  type JsonObject,
  numberAt,
  objectAt,
  put,
  sameJson,
  textAt,
  textsAt,
} from '../json.ts'
import { MAX_PODS_PER_OWNER } from '../limits.ts'
import { replicasets, selectorOf } from '../resources/apps.ts'
import { isReady, pods } from '../resources/pods.ts'
import { matchesSelector } from '../store/selectors.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { controllerOf, controllerReference, isLeaving } from './owners.ts'
import { recordEvent } from './record-event.ts'

const COMPONENT = 'replicaset-controller'

/**
 * Makes or takes away pods until there are as many as each replica set wants. Gives the time at which a ready pod becomes an
 * available one (`minReadySeconds`), or null.
 */
export function reconcileReplicaSets(env: ApiEnv): number | null {
  const wakes: number[] = []
  for (const set of env.store.list('replicasets.apps')) {
    if (isLeaving(set)) continue
    const all = adopted(env, set)
    const wanted = Math.min(numberAt(set, 'spec', 'replicas') ?? 1, MAX_PODS_PER_OWNER)
    for (let missing = wanted - all.length; missing > 0; missing -= 1) {
      if (!createPod(env, set)) break
    }
    for (const pod of leastUseful(all).slice(0, Math.max(0, all.length - wanted))) {
      removePod(env, set, pod)
    }
    wakes.push(...updateStatus(env, set))
  }
  return wakes.length === 0 ? null : Math.min(...wakes)
}

/** Pods of the set that stay: its own, and those without a controller that it selects, which it makes its own. */
function adopted(env: ApiEnv, set: JsonObject): JsonObject[] {
  const selector = selectorOf(objectAt(set, 'spec', 'selector'))
  return env.store.list('pods.', namespaceOf(set)).flatMap((pod) => {
    if (isLeaving(pod) || isOver(pod)) return []
    const selected = matchesSelector(selector, textsAt(pod, 'metadata', 'labels'))
    const owner = controllerOf(pod)
    if (owner === uidOf(set)) {
      if (selected) return [pod]
      const freed = clone(pod)
      delete objectAt(freed, 'metadata')['ownerReferences']
      env.store.update('pods.', freed)
      return []
    }
    if (owner !== '' || !selected) return []
    const taken = clone(pod)
    put(taken, ['metadata', 'ownerReferences'], [controllerReference(replicasets, set)])
    return [env.store.update('pods.', taken)]
  })
}

const isOver = (pod: JsonObject): boolean => {
  const phase = textAt(pod, 'status', 'phase')
  return phase === 'Succeeded' || phase === 'Failed'
}

function createPod(env: ApiEnv, set: JsonObject): boolean {
  const template = objectAt(set, 'spec', 'template')
  const pod: JsonObject = {
    metadata: {
      generateName: `${nameOf(set)}-`,
      labels: clone(objectAt(template, 'metadata', 'labels')),
      annotations: clone(objectAt(template, 'metadata', 'annotations')),
      ownerReferences: [controllerReference(replicasets, set)],
    },
    spec: clone(objectAt(template, 'spec')),
  }
  try {
    const options = { dryRun: false, manager: 'kube-controller-manager' }
    const created = createObject(env, pods, namespaceOf(set), pod, options)
    const message = `Created pod: ${nameOf(created)}`
    recordEvent(env, set, { reason: 'SuccessfulCreate', message, component: COMPONENT })
    return true
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const message = `Error creating: ${error.message}`
    recordEvent(env, set, {
      type: 'Warning',
      reason: 'FailedCreate',
      message,
      component: COMPONENT,
    })
    return false
  }
}

function removePod(env: ApiEnv, set: JsonObject, pod: JsonObject): void {
  deleteObject(env, pods, namespaceOf(pod), nameOf(pod), {
    dryRun: false,
    graceSeconds: null,
    uid: uidOf(pod),
    resourceVersion: '',
    propagation: 'Background',
  })
  const message = `Deleted pod: ${nameOf(pod)}`
  recordEvent(env, set, { reason: 'SuccessfulDelete', message, component: COMPONENT })
}

/** Those that are not ready go first, then the youngest. */
function leastUseful(all: readonly JsonObject[]): JsonObject[] {
  const age = (pod: JsonObject): string => textAt(pod, 'metadata', 'creationTimestamp')
  return [...all].sort(
    (a, b) => Number(isReady(a)) - Number(isReady(b)) || age(b).localeCompare(age(a)),
  )
}

/** Gives the times at which it would say something else. */
function updateStatus(env: ApiEnv, stale: JsonObject): number[] {
  const set = env.store.get('replicasets.apps', namespaceOf(stale), nameOf(stale))
  if (set === null) return []
  const own = env.store
    .list('pods.', namespaceOf(set))
    .filter((pod) => controllerOf(pod) === uidOf(set) && !isLeaving(pod) && !isOver(pod))
  const ready = own.filter(isReady)
  const patience = (numberAt(set, 'spec', 'minReadySeconds') ?? 0) * 1000
  const available = ready.filter((pod) => readySince(pod) + patience <= env.now())
  const status: JsonObject = {
    replicas: own.length,
    ...(own.length === 0 ? {} : { fullyLabeledReplicas: own.length }),
    ...(ready.length === 0 ? {} : { readyReplicas: ready.length }),
    ...(available.length === 0 ? {} : { availableReplicas: available.length }),
    observedGeneration: numberAt(set, 'metadata', 'generation') ?? 1,
  }
  if (!sameJson(status, set['status'])) {
    env.store.update('replicasets.apps', { ...clone(set), status })
  }
  return ready.filter((pod) => !available.includes(pod)).map((pod) => readySince(pod) + patience)
}

/** When a pod became ready, by its condition. */
function readySince(pod: JsonObject): number {
  const { conditions } = objectAt(pod, 'status')
  const ready = Array.isArray(conditions)
    ? conditions.find((condition) => textAt(condition, 'type') === 'Ready')
    : undefined
  const since = Date.parse(textAt(ready, 'lastTransitionTime') || timeText(0))
  return Number.isNaN(since) ? 0 : since
}
