import { alreadyExists, badRequest, conflict, forbidden, invalid, notFound } from '../api-error.ts'
import { ownChanges } from '../apply/own.ts'
import {
  at,
  clone,
  isObject,
  type JsonObject,
  listAt,
  objectAt,
  put,
  sameJson,
  textAt,
  without,
} from '../json.ts'
import { validateMetadata } from '../resources/names.ts'
import { groupVersion, type ResourceEnv, type ResourceType, storageOf } from '../resources/types.ts'
import { nameOf, uidOf } from '../store/store.ts'
import { type ApiEnv, randomBelow, randomSuffix, randomUuid, timeText } from './env.ts'

export interface WriteOptions {
  readonly dryRun: boolean
  /** Under which name the fields are owned; null: nobody's, as for what the server itself keeps. */
  readonly manager: string | null
  /** `''`, `status` or `scale`. */
  readonly subresource?: string
}

/** Of a namespaced type: they are kept with their namespace, others with `''`. */
export const scopeOf = (type: ResourceType, namespace: string): string =>
  type.namespaced ? namespace : ''

/**
 * Creates an object as it is served, in its namespace. Gives what is stored, or would be with `dryRun`. Throws ApiError.
 */
export function createObject(
  env: ApiEnv,
  type: ResourceType,
  namespace: string,
  served: JsonObject,
  options: WriteOptions,
): JsonObject {
  const object = storedForm(type, served)
  const metadata = objectAt(object, 'metadata')
  put(object, ['metadata'], metadata)
  judgeNamespace(type, metadata, namespace)
  if (textAt(metadata, 'resourceVersion') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created')
  }
  const prefix = textAt(metadata, 'generateName')
  if (textAt(metadata, 'name') === '' && prefix !== '') {
    metadata['name'] = `${prefix.slice(0, 58)}${randomSuffix(env)}`
  }
  for (const name of [
    'resourceVersion',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
    'generation',
  ]) {
    delete metadata[name]
  }
  metadata['uid'] = randomUuid(env)
  metadata['creationTimestamp'] = timeText(env.now())
  if (type.generation === true) metadata['generation'] = 1
  if (type.namespaced) {
    metadata['namespace'] = namespace
    judgeHome(env, type, namespace, textAt(metadata, 'name'))
  }
  type.prepareCreate?.(object, resourceEnv(env))
  judge(type, object, null)
  const name = nameOf(object)
  if (env.store.get(storageOf(type), scopeOf(type, namespace), name) !== null) {
    throw alreadyExists(type, name)
  }
  own(env, type, null, object, options)
  return options.dryRun ? object : env.store.create(storageOf(type), object)
}

/**
 * Replaces an object. Gives what is stored; nothing is written when nothing would change. Throws ApiError: Conflict when the
 * object names another revision or UID than the one that is there.
 */
export function updateObject(
  env: ApiEnv,
  type: ResourceType,
  namespace: string,
  name: string,
  served: JsonObject,
  options: WriteOptions,
): JsonObject {
  const scope = scopeOf(type, namespace)
  const old = env.store.get(storageOf(type), scope, name)
  if (old === null) throw notFound(type, name)
  const given = storedForm(type, served)
  judgeIdentity(type, given, old, namespace, name)
  const object = withOldIdentity(given, old, options.subresource ?? '')
  if (options.subresource !== 'status') type.prepareUpdate?.(object, old, resourceEnv(env))
  if (type.generation === true && !sameJson(at(object, 'spec'), at(old, 'spec'))) {
    const generation = at(old, 'metadata', 'generation')
    put(object, ['metadata', 'generation'], (typeof generation === 'number' ? generation : 0) + 1)
  }
  judge(type, object, old)
  own(env, type, old, object, options)
  if (sameJson(comparable(object), comparable(old))) return old
  if (options.dryRun) return object
  if (isFinished(object)) return env.store.remove(storageOf(type), scope, name)
  return env.store.update(storageOf(type), object)
}

/** Everything but the times at which managers wrote the same. */
function comparable(object: JsonObject): JsonObject {
  const managers = listAt(object, 'metadata', 'managedFields').map((entry) =>
    isObject(entry) ? without(entry, 'time') : entry,
  )
  return { ...object, metadata: { ...objectAt(object, 'metadata'), managedFields: managers } }
}

/** An object that is to be deleted and waits for nobody any more. */
function isFinished(object: JsonObject): boolean {
  return (
    at(object, 'metadata', 'deletionTimestamp') !== undefined &&
    listAt(object, 'metadata', 'finalizers').length === 0 &&
    listAt(object, 'spec', 'finalizers').length === 0 &&
    textAt(object, 'kind') !== 'Pod'
  )
}

function storedForm(type: ResourceType, served: JsonObject): JsonObject {
  const object = clone(served)
  object['kind'] = type.kind
  object['apiVersion'] = groupVersion(type)
  return type.storedAs === undefined ? object : type.storedAs.toStored(object)
}

/** What only the server says about an object stays as it is. */
function withOldIdentity(given: JsonObject, old: JsonObject, subresource: string): JsonObject {
  const object = clone(
    subresource === 'status' ? { ...old, status: objectAt(given, 'status') } : given,
  )
  const metadata = objectAt(object, 'metadata')
  put(object, ['metadata'], metadata)
  if (subresource === 'status') {
    const managed = at(given, 'metadata', 'managedFields')
    if (managed !== undefined) metadata['managedFields'] = clone(managed)
  }
  for (const name of [
    'name',
    'namespace',
    'uid',
    'resourceVersion',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'generateName',
  ]) {
    const value = at(old, 'metadata', name)
    if (value === undefined) delete metadata[name]
    else metadata[name] = value
  }
  return object
}

function judgeIdentity(
  type: ResourceType,
  given: JsonObject,
  old: JsonObject,
  namespace: string,
  name: string,
): void {
  const metadata = objectAt(given, 'metadata')
  const givenName = textAt(metadata, 'name')
  if (givenName !== '' && givenName !== name) {
    throw badRequest(
      `the name of the object (${givenName}) does not match the name on the URL (${name})`,
    )
  }
  judgeNamespace(type, metadata, namespace)
  const revision = textAt(metadata, 'resourceVersion')
  if (revision !== '' && revision !== textAt(old, 'metadata', 'resourceVersion')) {
    const why =
      'the object has been modified; please apply your changes to the latest version and try again'
    throw conflict(type, name, why)
  }
  const uid = textAt(metadata, 'uid')
  if (uid !== '' && uid !== uidOf(old)) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${uidOf(old)}`
    throw conflict(type, name, why)
  }
}

function judgeNamespace(type: ResourceType, metadata: JsonObject, namespace: string): void {
  const given = textAt(metadata, 'namespace')
  if (!type.namespaced) {
    if (given !== '') throw badRequest('namespace should not be set on cluster-scoped resources')
    return
  }
  if (given !== '' && given !== namespace) {
    throw badRequest(
      `the namespace of the provided object does not match the namespace sent on the request`,
    )
  }
}

const NAMESPACES = { group: '', resource: 'namespaces', kind: 'Namespace' } as const

/** The namespace must be there, and stay. */
function judgeHome({ store }: ApiEnv, type: ResourceType, namespace: string, name: string): void {
  const home = store.get('namespaces.', '', namespace)
  if (home === null) throw notFound(NAMESPACES, namespace)
  if (textAt(home, 'status', 'phase') === 'Terminating') {
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`
    throw forbidden(type, name, why)
  }
}

function judge(type: ResourceType, object: JsonObject, old: JsonObject | null): void {
  const problems = [...validateMetadata(type, object), ...(type.validate?.(object, old) ?? [])]
  if (problems.length > 0) throw invalid(type, nameOf(object), problems)
}

function own(
  env: ApiEnv,
  type: ResourceType,
  old: JsonObject | null,
  object: JsonObject,
  { manager, subresource = '' }: WriteOptions,
): void {
  // Applied objects come with their managers written; a type in two forms has none.
  if (manager === null || type.storedAs !== undefined || storageOf(type) === 'events.') return
  ownChanges(old, object, type.shape, {
    manager,
    apiVersion: groupVersion(type),
    subresource,
    time: timeText(env.now()),
  })
}

export const resourceEnv = (env: ApiEnv): ResourceEnv => ({
  nowMs: env.now(),
  random: (below) => randomBelow(env, below),
})
