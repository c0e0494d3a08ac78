import type { ApiEnv } from '../api/env.ts'
import { createObject } from '../api/write.ts'
import {
  clone,
  type Json,
  type JsonObject,
  listAt,
  objectAt,
  sameJson,
  textAt,
  textsAt,
} from '../json.ts'
import { endpoints } from '../resources/core.ts'
import { isReady } from '../resources/pods.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { isLeaving } from './owners.ts'

const STORAGE = 'endpoints.'

/** The addresses behind each service that selects pods. */
export function reconcileEndpoints(env: ApiEnv): void {
  for (const service of env.store.list('services.')) {
    const selector = textsAt(service, 'spec', 'selector')
    if (Object.keys(selector).length === 0) continue
    const subsets = subsetsOf(env, service, selector)
    const stored = env.store.get(STORAGE, namespaceOf(service), nameOf(service))
    if (stored === null) {
      const object = {
        metadata: { name: nameOf(service), labels: clone(objectAt(service, 'metadata', 'labels')) },
        subsets,
      }
      const options = { dryRun: false, manager: 'kube-controller-manager' }
      createObject(env, endpoints, namespaceOf(service), object, options)
    } else if (!sameJson(stored['subsets'] ?? [], subsets)) {
      env.store.update(STORAGE, { ...clone(stored), subsets })
    }
  }
  for (const object of env.store.list(STORAGE)) {
    if (env.store.get('services.', namespaceOf(object), nameOf(object)) === null) {
      env.store.remove(STORAGE, namespaceOf(object), nameOf(object))
    }
  }
}

function subsetsOf(
  env: ApiEnv,
  service: JsonObject,
  selector: Readonly<Record<string, string>>,
): Json[] {
  const selected = env.store.list('pods.', namespaceOf(service)).filter((pod) => {
    const labels = textsAt(pod, 'metadata', 'labels')
    const all = Object.entries(selector).every(([key, value]) => labels[key] === value)
    return all && !isLeaving(pod) && textAt(pod, 'status', 'podIP') !== ''
  })
  if (selected.length === 0) return []
  const address = (pod: JsonObject): JsonObject => ({
    ip: textAt(pod, 'status', 'podIP'),
    nodeName: textAt(pod, 'spec', 'nodeName'),
    targetRef: { kind: 'Pod', namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) },
  })
  const ready = selected.filter(isReady).map(address)
  const notReady = selected.filter((pod) => !isReady(pod)).map(address)
  const ports = listAt(service, 'spec', 'ports').map((port) => ({
    ...(textAt(port, 'name') === '' ? {} : { name: textAt(port, 'name') }),
    port: targetPort(port, selected[0] ?? {}),
    protocol: textAt(port, 'protocol') || 'TCP',
  }))
  return [
    {
      ...(ready.length === 0 ? {} : { addresses: ready }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
      ...(ports.length === 0 ? {} : { ports }),
    },
  ]
}

/** A number, or the name of a container's port. */
function targetPort(port: Json, pod: JsonObject): number {
  const target = objectAt({ port }, 'port')['targetPort']
  if (typeof target === 'number') return target
  const named = listAt(pod, 'spec', 'containers')
    .flatMap((container) => listAt(container, 'ports'))
    .find((candidate) => textAt(candidate, 'name') === target)
  const found = objectAt({ port: named ?? null }, 'port')['containerPort']
  const own = objectAt({ port }, 'port')['port']
  return typeof found === 'number' ? found : typeof own === 'number' ? own : 0
}
