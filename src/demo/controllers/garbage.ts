import { deleteObject, FOREGROUND } from '../api/delete.ts'
import type { ApiEnv } from '../api/env.ts'
import { clone, type JsonObject, listAt, objectAt, put, textAt } from '../json.ts'
import { EVENT_TTL_MS } from '../limits.ts'
import { resourceTypes } from '../resources/all.ts'
import { type ResourceType, storageOf } from '../resources/types.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { isLeaving } from './owners.ts'

const collectable: readonly ResourceType[] = resourceTypes.filter(
  (type) => type.verbs.includes('get') && type.storedAs === undefined && type.resource !== 'events',
)

/** Takes away what belonged to something that is gone, and lets go what waited for its own to be gone. */
export function collectGarbage(env: ApiEnv): void {
  const all = collectable.flatMap((type) =>
    env.store.list(storageOf(type)).map((object) => ({ type, object })),
  )
  const byUid = new Map(all.map(({ type, object }) => [uidOf(object), { type, object }]))
  for (const { type, object } of all) {
    const owners = listAt(object, 'metadata', 'ownerReferences').map((owner) =>
      textAt(owner, 'uid'),
    )
    if (owners.length === 0 || isLeaving(object)) continue
    const wanted = owners.some((uid) => {
      const owner = byUid.get(uid)?.object
      return owner !== undefined && !(isLeaving(owner) && isForeground(owner))
    })
    if (!wanted)
      remove(
        env,
        type,
        object,
        owners.some((uid) => byUid.has(uid)),
      )
  }
  for (const { type, object } of all) {
    if (isLeaving(object) && isForeground(object)) release(env, type, object)
  }
}

const isForeground = (object: JsonObject): boolean =>
  listAt(object, 'metadata', 'finalizers').includes(FOREGROUND)

/** `foreground`: its owner waits for it, so it waits for its own. */
function remove(env: ApiEnv, type: ResourceType, object: JsonObject, foreground: boolean): void {
  if (env.store.get(storageOf(type), namespaceOf(object), nameOf(object)) === null) return
  deleteObject(env, type, namespaceOf(object), nameOf(object), {
    dryRun: false,
    graceSeconds: null,
    uid: uidOf(object),
    resourceVersion: '',
    propagation: foreground && type.resource !== 'pods' ? 'Foreground' : 'Background',
  })
}

/** Nothing that it owns is left: the finalizer goes, and the object with it when it was the last. */
function release(env: ApiEnv, type: ResourceType, object: JsonObject): void {
  const owned = collectable.some((other) =>
    env.store
      .list(storageOf(other))
      .some((candidate) =>
        listAt(candidate, 'metadata', 'ownerReferences').some(
          (owner) => textAt(owner, 'uid') === uidOf(object),
        ),
      ),
  )
  const stored = env.store.get(storageOf(type), namespaceOf(object), nameOf(object))
  if (owned || stored === null) return
  const rest = listAt(stored, 'metadata', 'finalizers').filter((name) => name !== FOREGROUND)
  if (
    rest.length === 0 &&
    type.resource !== 'pods' &&
    listAt(stored, 'spec', 'finalizers').length === 0
  ) {
    env.store.remove(storageOf(type), namespaceOf(stored), nameOf(stored))
    return
  }
  const freed = clone(stored)
  if (rest.length === 0) delete objectAt(freed, 'metadata')['finalizers']
  else put(freed, ['metadata', 'finalizers'], clone([...rest]))
  env.store.update(storageOf(type), freed)
}

/** Forgets events that are old. Gives when the next one will be, or null. */
export function forgetEvents(env: ApiEnv): number | null {
  let next: number | null = null
  for (const event of env.store.list('events.')) {
    const last = Date.parse(
      textAt(event, 'lastTimestamp') || textAt(event, 'metadata', 'creationTimestamp'),
    )
    const due = (Number.isNaN(last) ? 0 : last) + EVENT_TTL_MS
    if (due <= env.now()) env.store.remove('events.', namespaceOf(event), nameOf(event))
    else next = next === null ? due : Math.min(next, due)
  }
  return next
}
