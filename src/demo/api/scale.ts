import { at, isObject, type JsonObject, numberAt, objectAt, put, textAt } from '../json.ts'
import { selectorText } from '../resources/format.ts'

/** The `autoscaling/v1` Scale of something that makes pods. */
export function scaleOf(object: JsonObject): JsonObject {
  const metadata = objectAt(object, 'metadata')
  const kept = ['name', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp']
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: Object.fromEntries(kept.map((name) => [name, metadata[name] ?? ''])),
    spec: { replicas: numberAt(object, 'spec', 'replicas') ?? 0 },
    status: {
      replicas: numberAt(object, 'status', 'replicas') ?? 0,
      selector: selectorText(objectAt(object, 'spec', 'selector')),
    },
  }
}

/** The object with the size that a Scale asks for. */
export function withScale(object: JsonObject, scale: JsonObject): JsonObject {
  const scaled = structuredClone(object)
  put(scaled, ['spec', 'replicas'], numberAt(scale, 'spec', 'replicas') ?? 0)
  const metadata = at(scaled, 'metadata')
  if (isObject(metadata)) {
    for (const name of ['resourceVersion', 'uid']) {
      const asked = textAt(scale, 'metadata', name)
      if (asked !== '') metadata[name] = asked
      else delete metadata[name]
    }
    delete metadata['managedFields']
  }
  return scaled
}
