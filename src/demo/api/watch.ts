import { ApiError, badRequest, expired, forbiddenField } from '../api-error.ts'
import { type Json, type JsonObject, objectAt } from '../json.ts'
import { BOOKMARK_MS, MAX_WATCH_BUFFER_BYTES, WATCH_MS } from '../limits.ts'
import { groupVersion, type ResourceType, storageOf } from '../resources/types.ts'
import type { Change } from '../store/store.ts'
import type { ApiEnv } from './env.ts'
import type { Answer, Sink } from './exchange.ts'
import { oneIn, servedObject, table } from './forms.ts'
import type { Wanted } from './negotiate.ts'
import type { Query } from './query.ts'
import { type ObjectTest, selectionOf } from './select.ts'

/**
 * The stream of a watch: what is there first (when no revision is given, or `sendInitialEvents` asks), then every change.
 * Throws ApiError for what is asked wrongly; a revision that is too old is said in the stream, as Kubernetes does.
 */
export function watchAnswer(
  env: ApiEnv,
  type: ResourceType,
  namespace: string,
  name: string,
  query: Query,
  wanted: Wanted,
): Answer {
  const revision = query.revision()
  const initial = judgeInitial(query)
  const matches = selectionOf(type, query, name)
  const seconds = query.number('timeoutSeconds')
  if (seconds !== null && seconds < 0) throw badRequest('timeoutSeconds must not be negative')
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' },
    run: (sink, signal) =>
      new Watch(env, type, namespace, matches, wanted, query, sink).run({
        signal,
        from: revision === null || revision === 0 || initial ? null : revision,
        initial: initial || revision === null || revision === 0,
        endMark: initial,
        timeoutMs: seconds === null || seconds === 0 ? WATCH_MS : seconds * 1000,
        bookmarks: query.flag('allowWatchBookmarks'),
      }),
  }
}

/** `sendInitialEvents` has rules of its own (KEP-3157). */
function judgeInitial(query: Query): boolean {
  const match = query.text('resourceVersionMatch')
  if (!query.has('sendInitialEvents')) {
    if (match === '') return false
    throw optionsInvalid(
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    )
  }
  if (match !== 'NotOlderThan') {
    throw optionsInvalid('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  return query.flag('sendInitialEvents')
}

function optionsInvalid(why: string): ApiError {
  const problem = forbiddenField('resourceVersionMatch', why)
  return new ApiError(
    'Invalid',
    `ListOptions.meta.k8s.io "" is invalid: ${problem.field}: ${problem.message}`,
    {
      group: 'meta.k8s.io',
      kind: 'ListOptions',
      causes: [{ reason: problem.reason, message: problem.message, field: problem.field }],
    },
  )
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'

class Watch {
  readonly #env: ApiEnv
  readonly #type: ResourceType
  readonly #namespace: string
  readonly #matches: ObjectTest
  readonly #wanted: Wanted
  readonly #includeObject: string
  readonly #sink: Sink
  readonly #done = Promise.withResolvers<void>()
  #headers = true

  constructor(
    env: ApiEnv,
    type: ResourceType,
    namespace: string,
    matches: ObjectTest,
    wanted: Wanted,
    query: Query,
    sink: Sink,
  ) {
    this.#env = env
    this.#type = type
    this.#namespace = namespace
    this.#matches = matches
    this.#wanted = wanted
    this.#includeObject = query.text('includeObject')
    this.#sink = sink
  }

  async run(order: {
    readonly signal: AbortSignal
    readonly from: number | null
    readonly initial: boolean
    readonly endMark: boolean
    readonly timeoutMs: number
    readonly bookmarks: boolean
  }): Promise<void> {
    const { store, scheduler } = this.#env
    const storage = storageOf(this.#type)
    if (order.initial) {
      for (const object of store.list(storage, this.#namespace)) {
        if (this.#matches(object)) this.#say('ADDED', object)
      }
      if (order.endMark) this.#bookmark(true)
    } else if (order.from !== null) {
      const missed = store.changesAfter(order.from, storage)
      if (missed === null) {
        const error = expired(`too old resource version: ${order.from} (${store.revision})`)
        this.#write('ERROR', error.body())
        return
      }
      for (const change of missed) this.#tell(change)
    }
    const stop = store.onChange((change) => {
      if (change.storage === storage) this.#tell(change)
    })
    const cancelEnd = scheduler.after(order.timeoutMs, () => this.#done.resolve())
    const cancelBookmarks = order.bookmarks ? this.#every(BOOKMARK_MS) : () => {}
    const onAbort = (): void => this.#done.resolve()
    order.signal.addEventListener('abort', onAbort, { once: true })
    if (order.signal.aborted) this.#done.resolve()
    await this.#done.promise
    order.signal.removeEventListener('abort', onAbort)
    stop()
    cancelEnd()
    cancelBookmarks()
  }

  /** A change as this watcher sees it: what leaves his selection is deleted to him, what enters it is added. */
  #tell(change: Change): void {
    const { object, before } = change
    if (this.#namespace !== '' && objectAt(object, 'metadata')['namespace'] !== this.#namespace) {
      return
    }
    const was = before !== null && this.#matches(before)
    if (change.type === 'DELETED') {
      if (was) this.#say('DELETED', object)
      return
    }
    const is = this.#matches(object)
    if (is) this.#say(was ? 'MODIFIED' : 'ADDED', object)
    else if (was) this.#say('DELETED', object)
  }

  #say(type: EventType, stored: JsonObject): void {
    if (this.#wanted.form !== 'table') {
      this.#write(type, oneIn(this.#type, stored, this.#wanted, '', this.#env.now()))
      return
    }
    const object = servedObject(this.#type, stored)
    const metadata = { resourceVersion: objectAt(object, 'metadata')['resourceVersion'] ?? '' }
    this.#write(type, this.#table([object], metadata))
  }

  #table(objects: readonly JsonObject[], metadata: JsonObject): JsonObject {
    const headers = this.#headers
    this.#headers = false
    const { version } = this.#wanted
    return table(
      this.#type,
      objects,
      metadata,
      version,
      this.#includeObject,
      this.#env.now(),
      headers,
    )
  }

  #bookmark(initialEnd: boolean): void {
    const metadata: JsonObject = {
      resourceVersion: String(this.#env.store.revision),
      ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    }
    switch (this.#wanted.form) {
      case 'table':
        this.#write('BOOKMARK', this.#table([], metadata))
        return
      case 'partial':
        this.#write('BOOKMARK', {
          kind: 'PartialObjectMetadata',
          apiVersion: `meta.k8s.io/${this.#wanted.version}`,
          metadata,
        })
        return
      default:
        this.#write('BOOKMARK', {
          kind: this.#type.kind,
          apiVersion: groupVersion(this.#type),
          metadata,
        })
    }
  }

  #every(ms: number): () => void {
    let cancel = (): void => {}
    const next = (): void => {
      cancel = this.#env.scheduler.after(ms, () => {
        this.#bookmark(false)
        next()
      })
    }
    next()
    return () => cancel()
  }

  #write(type: EventType, object: Json): void {
    this.#sink.write(`${JSON.stringify({ type, object })}\n`)
    // Who does not read is sent away, and begins anew where he was.
    if (this.#sink.pending() > MAX_WATCH_BUFFER_BYTES) this.#done.resolve()
  }
}
