import { at, type JsonObject, listAt, textAt } from '../json.ts'
import { groupVersion, type ResourceType } from '../resources/types.ts'
import { nameOf, uidOf } from '../store/store.ts'

/** The reference of a controller to what it made. */
export const controllerReference = (type: ResourceType, owner: JsonObject): JsonObject => ({
  apiVersion: groupVersion(type),
  kind: type.kind,
  name: nameOf(owner),
  uid: uidOf(owner),
  controller: true,
  blockOwnerDeletion: true,
})

/** The UID of the controller that an object belongs to, or `''`. */
export function controllerOf(object: JsonObject): string {
  const found = listAt(object, 'metadata', 'ownerReferences').find(
    (owner) => at(owner, 'controller') === true,
  )
  return textAt(found, 'uid')
}

export const isLeaving = (object: JsonObject): boolean =>
  textAt(object, 'metadata', 'deletionTimestamp') !== ''
