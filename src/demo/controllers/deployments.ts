import { createHash } from 'node:crypto'
import { type ApiEnv, timeText } from '../api/env.ts'
import { createObject } from '../api/write.ts'
import {
  clone,
  type Json,
  type JsonObject,
  numberAt,
  objectAt,
  put,
  sameJson,
  textAt,
  without,
} from '../json.ts'
import { deployments, replicasets } from '../resources/apps.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { conditionsOf, withCondition } from './conditions.ts'
import { controllerOf, controllerReference, isLeaving } from './owners.ts'
import { recordEvent } from './record-event.ts'

const STORAGE = 'deployments.apps'
const SETS = 'replicasets.apps'
const HASH_LABEL = 'pod-template-hash'
const REVISION = 'deployment.kubernetes.io/revision'
const COMPONENT = 'deployment-controller'

/** Makes a replica set for each template, and moves the pods from the old ones to the newest, as the strategy says. */
export function reconcileDeployments(env: ApiEnv): void {
  for (const deployment of env.store.list(STORAGE)) {
    if (isLeaving(deployment)) continue
    const paused =
      deployment['spec'] !== undefined && objectAt(deployment, 'spec')['paused'] === true
    const sets = setsOf(env, deployment)
    const current =
      sets.find((set) => sameTemplate(set, deployment)) ??
      (paused ? undefined : createSet(env, deployment, sets))
    if (current !== undefined) {
      noteRevision(env, deployment, current, sets)
      roll(env, deployment, uidOf(current))
    }
    updateStatus(env, deployment, current === undefined ? '' : uidOf(current))
    forgetOld(env, deployment, current === undefined ? '' : uidOf(current))
  }
}

const setsOf = (env: ApiEnv, deployment: JsonObject): JsonObject[] =>
  env.store
    .list(SETS, namespaceOf(deployment))
    .filter((set) => controllerOf(set) === uidOf(deployment) && !isLeaving(set))

const replicasOf = (object: JsonObject): number => numberAt(object, 'spec', 'replicas') ?? 1
const available = (set: JsonObject): number => numberAt(set, 'status', 'availableReplicas') ?? 0
const revisionOf = (object: JsonObject): number =>
  Number(textAt(object, 'metadata', 'annotations', REVISION) || '0')

function sameTemplate(set: JsonObject, deployment: JsonObject): boolean {
  const plain = (object: JsonObject): Json => {
    const template = clone(objectAt(object, 'spec', 'template'))
    delete objectAt(template, 'metadata', 'labels')[HASH_LABEL]
    return template
  }
  return sameJson(plain(set), plain(deployment))
}

const HASH_LETTERS = 'bcdfghjklmnpqrstvwxz2456789'

/** A short name for a template: the same for the same template. */
function templateHash(template: JsonObject): string {
  const digest = createHash('sha256').update(JSON.stringify(template)).digest()
  return [...digest.subarray(0, 10)]
    .map((byte) => HASH_LETTERS[byte % HASH_LETTERS.length])
    .join('')
}

function createSet(
  env: ApiEnv,
  deployment: JsonObject,
  others: readonly JsonObject[],
): JsonObject | undefined {
  const template = clone(objectAt(deployment, 'spec', 'template'))
  const hash = templateHash(template)
  const name = `${nameOf(deployment)}-${hash}`
  if (env.store.get(SETS, namespaceOf(deployment), name) !== null) return undefined
  put(template, ['metadata', 'labels', HASH_LABEL], hash)
  const selector = clone(objectAt(deployment, 'spec', 'selector'))
  put(selector, ['matchLabels', HASH_LABEL], hash)
  const annotations = without(
    objectAt(deployment, 'metadata', 'annotations'),
    'kubectl.kubernetes.io/last-applied-configuration',
  )
  const set: JsonObject = {
    metadata: {
      name,
      labels: clone(objectAt(template, 'metadata', 'labels')),
      annotations: { ...annotations, [REVISION]: String(nextRevision(others)) },
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas: 0,
      selector,
      template,
      ...minReady(deployment),
    },
  }
  const options = { dryRun: false, manager: 'kube-controller-manager' }
  return createObject(env, replicasets, namespaceOf(deployment), set, options)
}

function minReady(deployment: JsonObject): JsonObject {
  const seconds = numberAt(deployment, 'spec', 'minReadySeconds')
  return seconds === null ? {} : { minReadySeconds: seconds }
}

const nextRevision = (sets: readonly JsonObject[]): number =>
  1 + Math.max(0, ...sets.map(revisionOf))

/** The set in force has the highest revision, also after somebody went back to it; the deployment tells it. */
function noteRevision(
  env: ApiEnv,
  deployment: JsonObject,
  current: JsonObject,
  sets: readonly JsonObject[],
): void {
  const others = sets.filter((set) => uidOf(set) !== uidOf(current))
  const highest = Math.max(0, ...others.map(revisionOf))
  const revision = revisionOf(current) > highest ? revisionOf(current) : highest + 1
  for (const [storage, object] of [
    [SETS, current],
    [STORAGE, deployment],
  ] as const) {
    const stored = env.store.get(storage, namespaceOf(object), nameOf(object))
    if (stored === null || revisionOf(stored) === revision) continue
    const noted = clone(stored)
    put(noted, ['metadata', 'annotations', REVISION], String(revision))
    env.store.update(storage, noted)
  }
}

/** A number or a share of the replicas, rounded as Kubernetes does: surge up, unavailability down. */
export function countOf(value: Json | undefined, total: number, up: boolean): number {
  if (typeof value === 'number') return Math.max(0, value)
  const percent = typeof value === 'string' ? Number(/^(\d+)%$/.exec(value)?.[1] ?? '0') : 0
  const exact = (percent * total) / 100
  return up ? Math.ceil(exact) : Math.floor(exact)
}

function roll(env: ApiEnv, deployment: JsonObject, currentUid: string): void {
  const sets = setsOf(env, deployment)
  const current = sets.find((set) => uidOf(set) === currentUid)
  if (current === undefined) return
  const wanted = replicasOf(deployment)
  const old = sets.filter((set) => set !== current)
  const spec = objectAt(deployment, 'spec')
  if (textAt(spec, 'strategy', 'type') === 'Recreate') {
    for (const set of old) scale(env, deployment, set, 0)
    const stillThere = old.some((set) => podsLeft(env, set))
    if (!stillThere) scale(env, deployment, current, wanted)
    return
  }
  const rolling = objectAt(spec, 'strategy', 'rollingUpdate')
  const surge = countOf(rolling['maxSurge'], wanted, true)
  let unavailable = countOf(rolling['maxUnavailable'], wanted, false)
  if (surge === 0 && unavailable === 0) unavailable = 1
  const oldTotal = old.reduce((sum, set) => sum + replicasOf(set), 0)
  const room = Math.max(0, wanted + surge - oldTotal)
  const grown =
    oldTotal === 0
      ? wanted
      : Math.min(wanted, Math.max(replicasOf(current), Math.min(wanted, room)))
  scale(env, deployment, current, grown)
  let spare = sets.reduce((sum, set) => sum + available(set), 0) - Math.max(0, wanted - unavailable)
  for (const set of old) {
    const has = replicasOf(set)
    if (has === 0) continue
    // What is not available anyway may go at once.
    const broken = Math.max(0, has - available(set))
    const down = Math.min(has, broken + Math.max(0, spare))
    spare -= Math.max(0, down - broken)
    scale(env, deployment, set, has - down)
  }
}

const podsLeft = (env: ApiEnv, set: JsonObject): boolean =>
  env.store.list('pods.', namespaceOf(set)).some((pod) => controllerOf(pod) === uidOf(set))

function scale(env: ApiEnv, deployment: JsonObject, set: JsonObject, replicas: number): void {
  const before = replicasOf(set)
  const stored = env.store.get(SETS, namespaceOf(set), nameOf(set))
  if (before === replicas || stored === null) return
  const scaled = clone(stored)
  put(scaled, ['spec', 'replicas'], replicas)
  put(scaled, ['metadata', 'generation'], (numberAt(stored, 'metadata', 'generation') ?? 1) + 1)
  env.store.update(SETS, scaled)
  const direction = replicas > before ? 'up' : 'down'
  recordEvent(env, deployment, {
    reason: 'ScalingReplicaSet',
    message: `Scaled ${direction} replica set ${nameOf(set)} from ${before} to ${replicas}`,
    component: COMPONENT,
  })
}

function updateStatus(env: ApiEnv, stale: JsonObject, currentUid: string): void {
  const deployment = env.store.get(STORAGE, namespaceOf(stale), nameOf(stale))
  if (deployment === null) return
  const sets = setsOf(env, deployment)
  const sum = (field: string, among: readonly JsonObject[]): number =>
    among.reduce((total, set) => total + (numberAt(set, 'status', field) ?? 0), 0)
  const wanted = replicasOf(deployment)
  const counts = {
    replicas: sum('replicas', sets),
    updatedReplicas: sum(
      'replicas',
      sets.filter((set) => uidOf(set) === currentUid),
    ),
    readyReplicas: sum('readyReplicas', sets),
    availableReplicas: sum('availableReplicas', sets),
    unavailableReplicas: Math.max(0, wanted - sum('availableReplicas', sets)),
  }
  const status: JsonObject = {
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    observedGeneration: numberAt(deployment, 'metadata', 'generation') ?? 1,
    conditions: conditions(env, deployment, counts, sets, currentUid),
  }
  if (sameJson(status, deployment['status'])) return
  env.store.update(STORAGE, { ...clone(deployment), status })
}

function conditions(
  env: ApiEnv,
  deployment: JsonObject,
  counts: {
    readonly replicas: number
    readonly updatedReplicas: number
    readonly availableReplicas: number
  },
  sets: readonly JsonObject[],
  currentUid: string,
): Json[] {
  const now = timeText(env.now())
  const wanted = replicasOf(deployment)
  const rolling = objectAt(deployment, 'spec', 'strategy', 'rollingUpdate')
  const least = wanted - countOf(rolling['maxUnavailable'], wanted, false)
  const enough = counts.availableReplicas >= least
  const complete =
    counts.updatedReplicas === wanted &&
    counts.replicas === wanted &&
    counts.availableReplicas === wanted
  const set = sets.find((candidate) => uidOf(candidate) === currentUid)
  const name = JSON.stringify(set === undefined ? '' : nameOf(set))
  const availability = enough
    ? ({
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      } as const)
    : ({
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      } as const)
  const progress = complete
    ? ({
        type: 'Progressing',
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `ReplicaSet ${name} has successfully progressed.`,
      } as const)
    : ({
        type: 'Progressing',
        status: 'True',
        reason: 'ReplicaSetUpdated',
        message: `ReplicaSet ${name} is progressing.`,
      } as const)
  const first = withCondition(
    conditionsOf(deployment),
    availability,
    now,
    updateTime(deployment, availability, now),
  )
  return withCondition(first, progress, now, updateTime(deployment, progress, now))
}

/** Moves when the words move. */
function updateTime(
  deployment: JsonObject,
  next: { type: string; reason: string; message: string },
  now: string,
): JsonObject {
  const old = conditionsOf(deployment).find((condition) => textAt(condition, 'type') === next.type)
  const same = textAt(old, 'reason') === next.reason && textAt(old, 'message') === next.message
  return { lastUpdateTime: same ? textAt(old, 'lastUpdateTime') || now : now }
}

function forgetOld(env: ApiEnv, deployment: JsonObject, currentUid: string): void {
  const limit = numberAt(deployment, 'spec', 'revisionHistoryLimit') ?? 10
  const old = setsOf(env, deployment)
    .filter((set) => uidOf(set) !== currentUid && replicasOf(set) === 0 && !podsLeft(env, set))
    .sort((a, b) => revisionOf(b) - revisionOf(a))
  for (const set of old.slice(limit)) env.store.remove(SETS, namespaceOf(set), nameOf(set))
}
