import { badRequest } from '../api-error.ts'
import { type JsonObject, listAt, textAt } from '../json.ts'
import { nameOf, namespaceOf, uidOf } from '../store/store.ts'
import { OUTPUT_ANNOTATION } from '../version.ts'
import { type ApiEnv, timeText } from './env.ts'
import type { Answer } from './exchange.ts'
import type { Query } from './query.ts'

/** A container says something this often. */
const LINE_MS = 2_000
/** So many lines are as old as the container: older ones were never there. */
const MAX_LINES = 500

/** The invented lines of a container: the same whenever they are asked for, and one more every two seconds. Throws ApiError. */
export function logAnswer(env: ApiEnv, pod: JsonObject, query: Query): Answer {
  const container = containerOf(pod, query.text('container'))
  if (query.flag('previous')) {
    throw badRequest(
      `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(nameOf(pod))} not found`,
    )
  }
  const status = listAt(pod, 'status', 'containerStatuses').find(
    (item) => textAt(item, 'name') === container,
  )
  const waiting = textAt(status, 'state', 'waiting', 'reason')
  const startedAt = Date.parse(
    textAt(status, 'state', 'running', 'startedAt') ||
      textAt(status, 'state', 'terminated', 'startedAt'),
  )
  if (Number.isNaN(startedAt)) {
    throw badRequest(
      `container ${JSON.stringify(container)} in pod ${JSON.stringify(nameOf(pod))} is waiting to start: ${waiting || 'ContainerCreating'}`,
    )
  }
  const endedAt = Date.parse(textAt(status, 'state', 'terminated', 'finishedAt'))
  const lines = new LogLines(pod, container, startedAt, Number.isNaN(endedAt) ? null : endedAt)
  return follow(env, pod, lines, readOptions(query, env.now()))
}

interface LogOptions {
  readonly timestamps: boolean
  readonly tail: number | null
  readonly sinceMs: number
  readonly follow: boolean
  readonly limitBytes: number
}

function readOptions(query: Query, nowMs: number): LogOptions {
  const seconds = query.number('sinceSeconds')
  const time = Date.parse(query.text('sinceTime'))
  return {
    timestamps: query.flag('timestamps'),
    tail: query.number('tailLines'),
    sinceMs: seconds !== null ? nowMs - seconds * 1000 : Number.isNaN(time) ? 0 : time,
    follow: query.flag('follow'),
    limitBytes: query.number('limitBytes') ?? Number.POSITIVE_INFINITY,
  }
}

/** Names the container that is meant, as kubelet does. */
export function containerOf(pod: JsonObject, asked: string): string {
  const names = listAt(pod, 'spec', 'containers').map((container) => textAt(container, 'name'))
  if (asked === '') {
    const [only = '', ...others] = names
    if (others.length > 0) {
      throw badRequest(
        `a container name must be specified for pod ${nameOf(pod)}, choose one of: [${names.join(' ')}]`,
      )
    }
    return only
  }
  if (!names.includes(asked)) {
    throw badRequest(`container ${asked} is not valid for pod ${nameOf(pod)}`)
  }
  return asked
}

interface Line {
  readonly atMs: number
  readonly text: string
}

/** Line 0 says what this is; then one line for every two seconds that the container has lived. */
export class LogLines {
  readonly #name: string
  readonly #container: string
  readonly #startedAt: number
  readonly #endedAt: number | null
  readonly #output: string | null
  readonly #seed: number

  constructor(pod: JsonObject, container: string, startedAt: number, endedAt: number | null) {
    this.#name = nameOf(pod)
    this.#container = container
    this.#startedAt = startedAt
    this.#endedAt = endedAt
    this.#seed = numberOf(uidOf(pod))
    const output = textAt(pod, 'metadata', 'annotations', OUTPUT_ANNOTATION)
    this.#output = output === '' ? null : output
  }

  /** How many lines there are at a time. */
  count(nowMs: number): number {
    const until = this.#endedAt === null ? nowMs : Math.min(nowMs, this.#endedAt)
    return 1 + Math.max(0, Math.floor((until - this.#startedAt) / LINE_MS))
  }

  at(index: number): Line {
    const atMs = this.#startedAt + index * LINE_MS
    if (index === 0) {
      return {
        atMs,
        text: `${this.#container}: a demo container, in memory: these lines are made up`,
      }
    }
    const path = PATHS[(this.#seed + index * 7) % PATHS.length] ?? '/'
    const ms = 1 + ((this.#seed + index * 31) % 40)
    return { atMs, text: `${timeText(atMs)} ${this.#name} GET ${path} 200 ${ms}ms (demo)` }
  }

  /** When the next line after so many is said. */
  nextAt(count: number): number {
    return this.#startedAt + count * LINE_MS
  }

  get ended(): boolean {
    return this.#endedAt !== null
  }

  get output(): string | null {
    return this.#output
  }
}

const PATHS = ['/', '/healthz', '/hello', '/hello?name=demo', '/favicon.ico'] as const

function numberOf(text: string): number {
  let sum = 0
  for (const character of text) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521
  return sum
}

function follow(env: ApiEnv, pod: JsonObject, lines: LogLines, options: LogOptions): Answer {
  const { store, scheduler } = env
  return {
    kind: 'stream',
    status: 200,
    headers: { 'content-type': 'text/plain' },
    run: async (sink, signal) => {
      let left = options.limitBytes
      const say = ({ atMs, text }: Line): void => {
        const line = `${options.timestamps ? `${new Date(atMs).toISOString().replace('Z', '000000Z')} ` : ''}${text}\n`
        const cut = line.slice(0, Math.max(0, left))
        left -= cut.length
        if (cut !== '') sink.write(cut)
      }
      if (lines.output !== null) {
        const printed = lines.output.replace(/\n$/, '').split('\n')
        for (const text of lastOf(printed, options.tail)) say({ atMs: lines.at(0).atMs, text })
        return
      }
      let next = lines.count(env.now())
      const first = firstShown(next, options, lines)
      for (let index = first; index < next; index += 1) say(lines.at(index))
      if (!options.follow || lines.ended) return
      const done = Promise.withResolvers<void>()
      let cancel = (): void => {}
      const wait = (): void => {
        cancel = scheduler.after(Math.max(0, lines.nextAt(next) - env.now()), () => {
          for (const until = lines.count(env.now()); next < until; next += 1) say(lines.at(next))
          wait()
        })
      }
      wait()
      const stop = store.onChange(({ type, object }) => {
        if (type === 'DELETED' && uidOf(object) === uidOf(pod)) done.resolve()
      })
      if (store.get('pods.', namespaceOf(pod), nameOf(pod)) === null) done.resolve()
      const onAbort = (): void => done.resolve()
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) done.resolve()
      await done.promise
      signal.removeEventListener('abort', onAbort)
      stop()
      cancel()
    },
  }
}

function firstShown(count: number, { tail, sinceMs }: LogOptions, lines: LogLines): number {
  let first = Math.max(0, count - MAX_LINES)
  while (first < count && lines.at(first).atMs < sinceMs) first += 1
  return tail === null || tail < 0 ? first : Math.max(first, count - tail)
}

const lastOf = (lines: readonly string[], tail: number | null): readonly string[] =>
  tail === null || tail < 0 ? lines : lines.slice(Math.max(0, lines.length - tail))
