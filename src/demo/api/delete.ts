import { badRequest, conflict, forbidden } from '../api-error.ts'
import {
  at,
  clone,
  isObject,
  type Json,
  type JsonObject,
  listAt,
  numberAt,
  objectAt,
  put,
  textAt,
} from '../json.ts'
import { resourceTypes } from '../resources/all.ts'
import { type ResourceType, storageOf } from '../resources/types.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { type ApiEnv, timeText } from './env.ts'
import { readOne } from './read.ts'

export interface DeleteOptions {
  readonly dryRun: boolean
  /** Seconds; null: as the object has it. */
  readonly graceSeconds: number | null
  readonly uid: string
  readonly resourceVersion: string
  readonly propagation: 'Background' | 'Foreground' | 'Orphan'
}

/** `DeleteOptions` of the body, with the query winning where both speak. Throws ApiError BadRequest. */
export function parseDeleteOptions(
  body: JsonObject,
  query: { text(name: string): string; number(name: string): number | null; dryRun(): boolean },
): DeleteOptions {
  const propagation = query.text('propagationPolicy') || textAt(body, 'propagationPolicy')
  const orphan = at(body, 'orphanDependents') === true
  if (propagation !== '' && !isPropagation(propagation)) {
    throw badRequest(
      `invalid propagationPolicy ${JSON.stringify(propagation.slice(0, 64))}: it is Background, Foreground or Orphan`,
    )
  }
  const graceSeconds = query.number('gracePeriodSeconds') ?? numberAt(body, 'gracePeriodSeconds')
  return {
    dryRun: query.dryRun() || listAt(body, 'dryRun').includes('All'),
    graceSeconds: graceSeconds === null ? null : Math.max(0, graceSeconds),
    uid: textAt(body, 'preconditions', 'uid'),
    resourceVersion: textAt(body, 'preconditions', 'resourceVersion'),
    propagation: isPropagation(propagation) ? propagation : orphan ? 'Orphan' : 'Background',
  }
}

const isPropagation = (text: string): text is DeleteOptions['propagation'] =>
  text === 'Background' || text === 'Foreground' || text === 'Orphan'

export interface Deleted {
  readonly object: JsonObject
  /** False: it waits for its grace period or for finalizers. */
  readonly gone: boolean
}

/** Deletes an object, or marks it when it may not go at once. Throws ApiError NotFound, Conflict or Forbidden. */
export function deleteObject(
  env: ApiEnv,
  type: ResourceType,
  namespace: string,
  name: string,
  options: DeleteOptions,
): Deleted {
  const object = readOne(env, type, namespace, name)
  judgePreconditions(type, object, options)
  if (type.resource === 'namespaces' && PROTECTED.has(name)) {
    throw forbidden(type, name, 'this namespace may not be deleted')
  }
  const marked = markedForDeletion(env, type, object, options)
  if (options.dryRun) return { object: marked ?? object, gone: marked === null }
  if (options.propagation === 'Orphan') orphanDependents(env, uidOf(object))
  if (marked === null) {
    return { object: env.store.remove(storageOf(type), namespaceOf(object), name), gone: true }
  }
  if (sameDeletion(marked, object)) return { object, gone: false }
  return { object: env.store.update(storageOf(type), marked), gone: false }
}

const PROTECTED: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public'])

function judgePreconditions(
  type: ResourceType,
  object: JsonObject,
  { uid, resourceVersion }: DeleteOptions,
): void {
  if (uid !== '' && uid !== uidOf(object)) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${uidOf(object)}`
    throw conflict(type, nameOf(object), why)
  }
  const revision = textAt(object, 'metadata', 'resourceVersion')
  if (resourceVersion !== '' && resourceVersion !== revision) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${revision}`
    throw conflict(type, nameOf(object), why)
  }
}

/** The object with its time of deletion; null when it can go at once. */
function markedForDeletion(
  env: ApiEnv,
  type: ResourceType,
  object: JsonObject,
  { graceSeconds, propagation }: DeleteOptions,
): JsonObject | null {
  const grace = type.resource === 'pods' ? podGrace(object, graceSeconds) : 0
  const finalizers = listAt(object, 'metadata', 'finalizers')
  const foreground = propagation === 'Foreground' && !finalizers.includes(FOREGROUND)
  const held = finalizers.length > 0 || listAt(object, 'spec', 'finalizers').length > 0
  if (grace === 0 && !foreground && !held) return null
  const marked = clone(object)
  const at_ = numberAt(object, 'metadata', 'deletionGracePeriodSeconds')
  if (textAt(object, 'metadata', 'deletionTimestamp') === '' || (at_ !== null && grace < at_)) {
    put(marked, ['metadata', 'deletionTimestamp'], timeText(env.now() + grace * 1000))
    put(marked, ['metadata', 'deletionGracePeriodSeconds'], grace)
  }
  if (foreground) put(marked, ['metadata', 'finalizers'], [...finalizers, FOREGROUND])
  if (type.resource === 'namespaces') put(marked, ['status', 'phase'], 'Terminating')
  return marked
}

/** The owner goes after those that it owns. */
export const FOREGROUND = 'foregroundDeletion'

/** A pod that runs is given time to end. */
function podGrace(pod: JsonObject, asked: number | null): number {
  const phase = textAt(pod, 'status', 'phase')
  const started = textAt(pod, 'spec', 'nodeName') !== ''
  if (!started || phase === 'Succeeded' || phase === 'Failed') return 0
  return asked ?? numberAt(pod, 'spec', 'terminationGracePeriodSeconds') ?? 30
}

const sameDeletion = (a: JsonObject, b: JsonObject): boolean =>
  textAt(a, 'metadata', 'deletionTimestamp') === textAt(b, 'metadata', 'deletionTimestamp') &&
  listAt(a, 'metadata', 'finalizers').length === listAt(b, 'metadata', 'finalizers').length

/** What it owned stays, without an owner. */
function orphanDependents({ store }: ApiEnv, uid: string): void {
  for (const type of resourceTypes) {
    if (!type.verbs.includes('get') || type.storedAs !== undefined) continue
    for (const object of store.list(storageOf(type))) {
      const owners = listAt(object, 'metadata', 'ownerReferences')
      if (!owners.some((owner) => textAt(owner, 'uid') === uid)) continue
      const freed = clone(object)
      const rest = owners.filter((owner) => textAt(owner, 'uid') !== uid)
      const metadata = objectAt(freed, 'metadata')
      if (rest.length === 0) delete metadata['ownerReferences']
      else metadata['ownerReferences'] = clone([...rest])
      store.update(storageOf(type), freed)
    }
  }
}

/** What Kubernetes answers when an object is gone. */
export function deletedStatus(type: ResourceType, object: JsonObject): JsonObject {
  const details: Record<string, Json> = {
    name: nameOf(object),
    ...(type.group === '' ? {} : { group: type.group }),
    kind: type.resource,
    uid: uidOf(object),
  }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** The body of a DELETE, which may be empty. Throws ApiError BadRequest. */
export function optionsOf(body: Json | undefined): JsonObject {
  if (body === undefined) return {}
  if (!isObject(body)) throw badRequest('the body of a DELETE must be DeleteOptions')
  return body
}
