import { deleteObject } from '../api/delete.ts'
import type { ApiEnv } from '../api/env.ts'
import { createObject } from '../api/write.ts'
import { clone, type JsonObject, listAt, put, textAt } from '../json.ts'
import { resourceTypes } from '../resources/all.ts'
import { configmaps, serviceaccounts } from '../resources/core.ts'
import { type ResourceType, storageOf } from '../resources/types.ts'
import { nameOf, uidOf } from '../store/store.ts'
import { isLeaving } from './owners.ts'

const STORAGE = 'namespaces.'
const CERTIFICATES = 'kube-root-ca.crt'

/** Gives a new namespace what every one has, and empties one that ends before it goes. */
export function reconcileNamespaces(env: ApiEnv, certificateAuthority: string): void {
  for (const namespace of env.store.list(STORAGE)) {
    if (isLeaving(namespace)) empty(env, namespace)
    else furnish(env, nameOf(namespace), certificateAuthority)
  }
}

function furnish(env: ApiEnv, namespace: string, certificateAuthority: string): void {
  const own = { dryRun: false, manager: 'kube-controller-manager' }
  if (env.store.get('serviceaccounts.', namespace, 'default') === null) {
    createObject(env, serviceaccounts, namespace, { metadata: { name: 'default' } }, own)
  }
  if (env.store.get('configmaps.', namespace, CERTIFICATES) === null) {
    const data = { 'ca.crt': certificateAuthority }
    createObject(env, configmaps, namespace, { metadata: { name: CERTIFICATES }, data }, own)
  }
}

const namespaced: readonly ResourceType[] = resourceTypes.filter(
  (type) => type.namespaced && type.verbs.includes('get') && type.storedAs === undefined,
)

function empty(env: ApiEnv, namespace: JsonObject): void {
  const { store } = env
  const name = nameOf(namespace)
  let left = 0
  for (const type of namespaced) {
    for (const object of store.list(storageOf(type), name)) {
      if (!isLeaving(object)) {
        deleteObject(env, type, name, nameOf(object), {
          dryRun: false,
          graceSeconds: null,
          uid: uidOf(object),
          resourceVersion: '',
          propagation: 'Background',
        })
      }
      if (store.get(storageOf(type), name, nameOf(object)) !== null) left += 1
    }
  }
  if (left > 0) return
  const current = store.get(STORAGE, '', name)
  if (current === null) return
  if (listAt(current, 'metadata', 'finalizers').length > 0) {
    if (listAt(current, 'spec', 'finalizers').length === 0) return
    const freed = clone(current)
    put(freed, ['spec', 'finalizers'], [])
    store.update(STORAGE, freed)
    return
  }
  if (textAt(current, 'status', 'phase') === 'Terminating') store.remove(STORAGE, '', name)
}
