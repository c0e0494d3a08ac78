import { type ApiEnv, randomUuid, timeText } from '../api/env.ts'
import { type JsonObject, numberAt, textAt } from '../json.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'

export interface Happening {
  readonly type?: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly component: string
  readonly host?: string
  readonly fieldPath?: string
}

const STORAGE = 'events.'

/** Notes that something happened to an object; the same again within the hour is counted, not written twice. */
export function recordEvent(env: ApiEnv, about: JsonObject, happening: Happening): void {
  const { store } = env
  const { type = 'Normal', reason, message, component, host, fieldPath } = happening
  const now = timeText(env.now())
  const namespace = namespaceOf(about) || 'default'
  const same = store
    .list(STORAGE, namespace)
    .find(
      (event) =>
        textAt(event, 'involvedObject', 'uid') === uidOf(about) &&
        textAt(event, 'reason') === reason &&
        textAt(event, 'message') === message,
    )
  if (same !== undefined) {
    const count = (numberAt(same, 'count') ?? 1) + 1
    store.update(STORAGE, { ...same, count, lastTimestamp: now })
    return
  }
  const name = `${nameOf(about)}.${env.randomBytes(8).toString('hex')}`
  store.create(STORAGE, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace, uid: randomUuid(env), creationTimestamp: now },
    involvedObject: {
      kind: textAt(about, 'kind'),
      ...(namespaceOf(about) === '' ? {} : { namespace: namespaceOf(about) }),
      name: nameOf(about),
      uid: uidOf(about),
      apiVersion: textAt(about, 'apiVersion'),
      resourceVersion: textAt(about, 'metadata', 'resourceVersion'),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    reason,
    message,
    source: { component, ...(host === undefined ? {} : { host }) },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    type,
    eventTime: null,
    reportingComponent: component,
    reportingInstance: host ?? '',
  })
}
