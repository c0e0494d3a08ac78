import { errorMessage, type Logger } from '../core/index.ts'
import { GrowingBytes } from '../streams/index.ts'
import type { Upstream, UpstreamExchange, UpstreamSink } from './ports.ts'

/** etcd takes objects of up to 1.5 MiB. */
const MAX_EVENT_BYTES = 2 * 1024 * 1024
/** API servers end watches after some minutes; between one and the next there is at least this, and twice as much after each refusal. */
const AGAIN_MS = 1_000
const MAX_AGAIN_MS = 30_000

/** Whose end is waited for, and as whom. */
export interface WatchedPod {
  readonly user: string
  readonly namespace: string
  readonly name: string
  /** Of the request that is about it, with the person's impersonation. */
  readonly headers: readonly string[]
}

/**
 * Tells when a pod is gone. Nobody else would: a port-forward in which no connection stands learns nothing of its pod's end, from the
 * node as little as from the API server. It is watched as the person, and whoever may not see it learns of its end by
 * the next connection, as without us.
 */
export class PodWatch {
  readonly #upstream: Upstream
  readonly #pod: WatchedPod
  readonly #onGone: (words: string) => void
  readonly #log: Logger
  #exchange: UpstreamExchange | null = null
  #timer: NodeJS.Timeout | null = null
  #isOver = false
  #againMs = AGAIN_MS
  #uid: string | null = null

  constructor(upstream: Upstream, pod: WatchedPod, onGone: (words: string) => void, log: Logger) {
    this.#upstream = upstream
    this.#pod = pod
    this.#onGone = onGone
    this.#log = log
  }

  start(): void {
    this.#get()
  }

  stop(): void {
    this.#isOver = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#exchange?.abort()
  }

  /** What it is now, and from when on it is to be watched. */
  #get(): void {
    const { namespace, name } = this.#pod
    const answer = new GrowingBytes()
    let bytes = 0
    let status = 0
    this.#ask(`${podsOf(namespace)}/${encodeURIComponent(name)}`, false, {
      head: (code) => {
        status = code
      },
      data: (chunk) => {
        bytes += chunk.length
        if (bytes <= MAX_EVENT_BYTES) answer.push(chunk)
        return true
      },
      end: () => {
        const pod = status === 200 ? podOf(answer.take()) : null
        if (status === 404) this.#gone(`pod "${name}" is gone`)
        else if (pod !== null) {
          this.#judge(pod)
          this.#watch(pod.resourceVersion)
        } else this.#refused(status)
      },
      error: () => this.#again(),
    })
  }

  #watch(resourceVersion: string): void {
    if (this.#isOver) return
    const { namespace, name } = this.#pod
    const query = new URLSearchParams({
      watch: '1',
      fieldSelector: `metadata.name=${name}`,
      resourceVersion,
    })
    let status = 0
    const line = new GrowingBytes()
    let bytes = 0
    this.#ask(`${podsOf(namespace)}?${query.toString()}`, true, {
      head: (code) => {
        status = code
      },
      data: (chunk) => {
        let from = 0
        for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
          line.push(chunk.subarray(from, to))
          const whole = line.take()
          if (status === 200 && bytes <= MAX_EVENT_BYTES) this.#changed(whole)
          bytes = 0
          from = to + 1
        }
        bytes += chunk.length - from
        if (bytes <= MAX_EVENT_BYTES) line.push(chunk.subarray(from))
        else line.take()
        return true
      },
      end: () => {
        if (status === 200) {
          this.#againMs = AGAIN_MS
          this.#again()
        } else this.#refused(status)
      },
      error: () => this.#again(),
    })
  }

  #changed(json: Buffer): void {
    const event = parsed(json)
    const pod = podOf(event?.['object'])
    if (pod === null) return
    if (event?.['type'] === 'DELETED') this.#gone(`pod "${this.#pod.name}" is gone`)
    else this.#judge(pod)
  }

  #judge({ uid, phase }: Pod): void {
    const { name } = this.#pod
    this.#uid ??= uid
    if (uid !== this.#uid) this.#gone(`pod "${name}" is gone, another one has its name`)
    else if (phase === 'Succeeded' || phase === 'Failed') {
      this.#gone(`pod "${name}" has ended (${phase})`)
    }
  }

  #gone(words: string): void {
    if (this.#isOver) return
    this.stop()
    this.#onGone(words)
  }

  /** A server that has too much to do is asked later, as is one that has forgotten the revision; whoever may not see the pod is not. */
  #refused(status: number): void {
    if (status !== 410 && status !== 429 && status < 500) return
    this.#again()
    this.#againMs = Math.min(this.#againMs * 2, MAX_AGAIN_MS)
  }

  #again(): void {
    if (!this.#isOver) this.#timer = setTimeout(() => this.#get(), this.#againMs)
  }

  #ask(target: string, longRunning: boolean, sink: UpstreamSink): void {
    if (this.#isOver) return
    const { user, headers } = this.#pod
    try {
      this.#exchange = this.#upstream.send(
        { user, method: 'GET', target, headers: identityOf(headers), body: null, longRunning },
        sink,
      )
    } catch (error) {
      this.#log.debug({ error: errorMessage(error) }, 'a pod cannot be watched')
    }
  }
}

interface Pod {
  readonly uid: string
  readonly phase: string
  readonly resourceVersion: string
}

const podsOf = (namespace: string): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`

/** Who asks, and nothing else of the request that the person made. */
function identityOf(headers: readonly string[]): string[] {
  const kept = ['Accept', 'application/json']
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? ''
    if (/^(?:impersonate-.*|user-agent)$/i.test(name)) kept.push(name, headers[index + 1] ?? '')
  }
  return kept
}

/** Null for what is no JSON object. */
function parsed(json: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    return objectOf(JSON.parse(json.toString('utf8')))
  } catch {
    return null
  }
}

function podOf(value: unknown): Pod | null {
  const object = Buffer.isBuffer(value) ? parsed(value) : objectOf(value)
  const metadata = objectOf(object?.['metadata'])
  const phase = objectOf(object?.['status'])?.['phase']
  const { uid, resourceVersion } = metadata ?? {}
  if (typeof uid !== 'string' || typeof resourceVersion !== 'string') return null
  return { uid, resourceVersion, phase: typeof phase === 'string' ? phase : '' }
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null
