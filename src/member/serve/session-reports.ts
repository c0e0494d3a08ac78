import { randomBytes } from 'node:crypto'
import {
  type ReportedSession,
  SESSIONS_AT_ONCE,
  SESSIONS_BEAT_MS,
  SESSIONS_MOST,
  type SessionsReport,
  shortCommand,
} from '../../contract/index.ts'
import { type Clock, errorMessage, isWithin, type Logger } from '../../core/index.ts'
import { pause } from '../../waits/index.ts'
import type { MemberCall } from '../ports.ts'
import { SESSION_REFUSED_MS, SESSIONS_GATHER_MS } from './limits.ts'

/** A session that goes on at this service. */
export interface LiveSession {
  readonly sessionId: string
  readonly kind: ReportedSession['kind']
  readonly user: string
  readonly kubeCluster: string
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly node: string
  readonly image: string
  readonly command: readonly string[]
  readonly tty: boolean
  readonly protocol: string
  readonly address: string
  readonly startedMs: number
  readonly recording: boolean
}

/** The sessions of this service. */
export interface LiveSessionList {
  list(): readonly LiveSession[]
  onChange(listener: () => void): () => void
}

interface Options {
  readonly call: MemberCall
  readonly sessions: LiveSessionList
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Tells the auth service which sessions began and ended, as changes that build on each other: thousands of them go on while one
 * begins. Told at once, then at most every SESSIONS_GATHER_MS, and every SESSIONS_BEAT_MS when there is nothing new. A word that
 * was not answered is said again; whatever the auth service knows nothing of, after its restart, is told anew. Nothing here rejects.
 */
export class SessionReports implements AsyncDisposable {
  readonly #options: Options
  readonly #stop = new AbortController()
  readonly #unsubscribe: () => void
  readonly #following: Promise<void>
  readonly #told = new Set<string>()
  /** When each was refused that is not to be told again for a while. */
  readonly #refused = new Map<string, number>()
  readonly #released = new Set<string>()
  #series = newSeries()
  #number = 0
  /** What was said and not answered. */
  #saying: SessionsReport | null = null
  #isChanged = false
  #wake: () => void = () => {}
  #failing = false

  constructor(options: Options) {
    this.#options = options
    this.#unsubscribe = options.sessions.onChange(() => this.#changed())
    this.#following = this.#follow()
  }

  /** A session for which a lease was given ended, whether or not it was ever on the list. */
  release(sessionId: string): void {
    // So many can only be when nobody answers: then no lease is known there either.
    if (this.#released.size < SESSIONS_MOST) this.#released.add(sessionId)
    this.#changed()
  }

  /** Says that there are none any more, if anybody listens. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#unsubscribe()
    await this.#following
    if (this.#failing) return
    const body = { series: newSeries(), number: 0, began: [], ended: [] }
    // Who does not hear it forgets us by himself.
    await this.#options.call('member.sessions', { body }).catch(() => {})
  }

  #changed(): void {
    this.#isChanged = true
    this.#wake()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop
    const { log } = this.#options
    while (!signal.aborted) {
      try {
        await this.#tell()
        if (this.#failing) log.info({}, 'the auth service hears of sessions again')
        this.#failing = false
        await pause(SESSIONS_GATHER_MS, signal)
        if (!this.#isChanged) await this.#sleep()
      } catch (error) {
        if (signal.aborted) return
        if (!this.#failing) {
          log.warn(
            { error: errorMessage(error) },
            'the auth service does not hear which sessions go on: trying on',
          )
        }
        this.#failing = true
        await pause(SESSIONS_BEAT_MS, signal)
      }
    }
  }

  /** Until something changes, or the next word is due. */
  async #sleep(): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await pause(SESSIONS_BEAT_MS, AbortSignal.any([this.#stop.signal, woken.signal]))
    this.#wake = () => {}
  }

  /** Resolves when everything was told. */
  async #tell(): Promise<void> {
    let more = true
    while (more && !this.#stop.signal.aborted) {
      const report = this.#saying ?? this.#news()
      this.#saying = report
      const { known, refused } = await this.#options.call('member.sessions', { body: report })
      this.#saying = null
      if (known) {
        this.#number = report.number + 1
        this.#sayRefused(refused)
        more = report.began.length === SESSIONS_AT_ONCE
      } else {
        this.#series = newSeries()
        this.#number = 0
        this.#told.clear()
      }
    }
  }

  #news(): SessionsReport {
    this.#isChanged = false
    const live = this.#options.sessions.list().slice(0, SESSIONS_MOST)
    const ids = new Set(live.map(({ sessionId }) => sessionId))
    const ended = [...this.#told].filter((id) => !ids.has(id))
    for (const id of ended) this.#told.delete(id)
    for (const id of this.#refused.keys()) if (!ids.has(id)) this.#refused.delete(id)
    const all = [...new Set([...ended, ...this.#released])].slice(0, SESSIONS_MOST)
    this.#released.clear()
    const nowMs = this.#options.clock.now()
    const began = live
      .filter(({ sessionId: id }) => !this.#told.has(id) && !this.#rests(id, nowMs))
      .slice(0, SESSIONS_AT_ONCE)
    for (const { sessionId } of began) this.#told.add(sessionId)
    return {
      series: this.#series,
      number: this.#number,
      began: began.map(reported),
      ended: all,
    }
  }

  #rests(id: string, nowMs: number): boolean {
    return isWithin(SESSION_REFUSED_MS, this.#refused.get(id) ?? Number.NEGATIVE_INFINITY, nowMs)
  }

  #sayRefused(refused: readonly { readonly session_id: string; readonly message: string }[]): void {
    const nowMs = this.#options.clock.now()
    for (const { session_id: id, message } of refused) {
      if (!this.#refused.has(id)) {
        this.#options.log.error({ session: id, reason: message }, 'a session is on no list')
      }
      this.#told.delete(id)
      this.#refused.set(id, nowMs)
    }
  }
}

const newSeries = (): string => randomBytes(16).toString('hex')

/** As much as the auth service takes: what an image or a node is called is not ours to say. */
const reported = (session: LiveSession): ReportedSession => ({
  session_id: session.sessionId,
  kind: session.kind,
  user: session.user,
  kube_cluster: session.kubeCluster,
  namespace: session.namespace.slice(0, NAME),
  pod: session.pod.slice(0, NAME),
  container: session.container.slice(0, NAME),
  node: session.node.slice(0, NAME),
  image: session.image.slice(0, IMAGE),
  command: shortCommand(session.command),
  tty: session.tty,
  protocol: session.protocol.slice(0, SHORT),
  address: session.address.slice(0, SHORT),
  started: new Date(session.startedMs).toISOString(),
  recording: session.recording,
})

const NAME = 253
const IMAGE = 1024
const SHORT = 64
