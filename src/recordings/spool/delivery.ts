import { errorMessage, type Logger } from '../../core/index.ts'
import { pause } from '../../waits/index.ts'
import { RecordingError } from '../errors.ts'
import type { RecorderLimits } from '../limits.ts'
import type { RecordingTarget } from '../target.ts'
import type { SpoolAccount } from './account.ts'
import type { SpoolDisk } from './disk.ts'
import { chunkName, pathIn, type SpooledSession } from './session-directory.ts'

/** How often it is looked whether all is delivered, in milliseconds. */
const DRAIN_LOOK_MS = 20

/** What becomes of a session that is delivered. */
export interface DeliveryEvents {
  /** It is refused for good, or cannot be read here. */
  refused(session: SpooledSession, error: unknown): Promise<void>
  /** All of it is taken. */
  delivered(session: SpooledSession): void
}

interface Entry {
  readonly session: SpooledSession
  /** The target heard of it in this process; when, of the process's own time. */
  saidMs: number | null
  failures: number
  isRunning: boolean
  isDirty: boolean
  /** While something is done with its files. */
  work: Promise<void> | null
}

/** Delivers sessions from the spool: each in order, several at once, again and again until they are taken. */
export class Delivery {
  readonly #target: RecordingTarget
  readonly #disk: SpoolDisk
  readonly #account: SpoolAccount
  readonly #limits: RecorderLimits
  readonly #log: Logger
  readonly #events: DeliveryEvents
  readonly #entries = new Map<string, Entry>()
  readonly #line: Entry[] = []
  readonly #stop = new AbortController()
  readonly #works = new Set<Promise<void>>()
  #running = 0
  #isAway = false
  uploads = 0
  failures = 0
  lastError: string | null = null

  constructor(parts: {
    readonly target: RecordingTarget
    readonly disk: SpoolDisk
    readonly account: SpoolAccount
    readonly limits: RecorderLimits
    readonly log: Logger
    readonly events: DeliveryEvents
  }) {
    this.#target = parts.target
    this.#disk = parts.disk
    this.#account = parts.account
    this.#limits = parts.limits
    this.#log = parts.log
    this.#events = parts.events
  }

  /** There is something new of a session. */
  changed(session: SpooledSession): void {
    const entry = this.#entries.get(session.id) ?? {
      session,
      saidMs: null,
      failures: 0,
      isRunning: false,
      isDirty: false,
      work: null,
    }
    this.#entries.set(session.id, entry)
    this.#lineUp(entry)
  }

  /** Says of sessions that go on that they do, when it was not said for a while. */
  sayLive(): void {
    for (const entry of this.#entries.values()) {
      const { saidMs, session } = entry
      const isDue = saidMs !== null && performance.now() - saidMs >= this.#limits.sayEveryMs
      if (session.end === null && isDue) this.#lineUp(entry)
    }
  }

  /** Resolves when nothing is done with a session's files any more: somebody else completes it. */
  async forget(id: string): Promise<void> {
    const entry = this.#entries.get(id)
    this.#entries.delete(id)
    await entry?.work
  }

  ids(): Iterable<string> {
    return this.#entries.keys()
  }

  /** Resolves when all that is there is delivered, when it cannot be, or after that time. */
  async drain(forMs: number): Promise<void> {
    const endMs = performance.now() + forMs
    while (this.#entries.size > 0 && performance.now() < endMs && !this.#isAway) {
      await pause(DRAIN_LOOK_MS, this.#stop.signal)
    }
  }

  /** Stops; a call that is underway may take its time. */
  async close(waitMs: number): Promise<void> {
    this.#stop.abort()
    await Promise.race([Promise.all(this.#works), pause(waitMs, new AbortController().signal)])
  }

  #lineUp(entry: Entry): void {
    if (this.#stop.signal.aborted) return
    if (entry.isRunning) {
      entry.isDirty = true
      return
    }
    entry.isRunning = true
    this.#line.push(entry)
    this.#next()
  }

  #next(): void {
    while (this.#running < this.#limits.deliveriesAtOnce) {
      const entry = this.#line.shift()
      if (entry === undefined) return
      this.#running += 1
      const work = this.#work(entry).finally(() => {
        this.#works.delete(work)
      })
      this.#works.add(work)
    }
  }

  async #work(entry: Entry): Promise<void> {
    let waitMs: number | null = null
    try {
      entry.isDirty = false
      const delivered = this.#deliver(entry)
      entry.work = delivered.catch(() => {})
      await delivered
      entry.failures = 0
      if (this.#isAway) this.#log.info({}, 'recordings are delivered again')
      this.#isAway = false
      this.lastError = null
    } catch (error) {
      waitMs = await this.#failed(entry, error)
    } finally {
      entry.work = null
      this.#running -= 1
      this.#next()
    }
    if (waitMs !== null) await pause(waitMs, this.#stop.signal)
    entry.isRunning = false
    const isThere = this.#entries.get(entry.session.id) === entry
    if (isThere && (entry.isDirty || waitMs !== null)) this.#lineUp(entry)
  }

  async #deliver(entry: Entry): Promise<void> {
    const { session } = entry
    const { id, head, chunks } = session
    const { signal } = this.#stop
    const isDue =
      entry.saidMs === null || performance.now() - entry.saidMs >= this.#limits.sayEveryMs
    if (isDue) {
      await this.#target.begin({ facts: head.facts, encrypted: head.recipients.length > 0 })
      entry.saidMs = performance.now()
    }
    const isOurs = (): boolean => !signal.aborted && this.#entries.get(id) === entry
    for (;;) {
      if (!isOurs()) return
      const [chunk] = chunks
      if (chunk === undefined) break
      const path = pathIn(session, chunkName(chunk.index))
      await this.#target.putChunk(id, chunk.index, await this.#disk.read(path))
      entry.saidMs = performance.now()
      await this.#disk.unlink(path)
      chunks.shift()
      this.#account.add(id, -chunk.size)
      this.uploads += 1
    }
    if (session.end === null) return
    await this.#target.end(id, session.end)
    await this.#disk.remove(session.directory)
    this.#account.drop(id)
    this.#entries.delete(id)
    this.#events.delivered(session)
  }

  /** How long to wait before it is tried again; null: never. */
  async #failed(entry: Entry, error: unknown): Promise<number | null> {
    this.lastError = errorMessage(error)
    this.failures += 1
    // Whatever it was, it may be that the target knows nothing of it any more.
    entry.saidMs = null
    if (error instanceof RecordingError && error.code === 'RECORDING_CONFLICT') {
      this.#entries.delete(entry.session.id)
      await this.#events.refused(entry.session, error)
      return null
    }
    if (!this.#isAway && !this.#stop.signal.aborted) {
      this.#log.warn({ error: this.lastError }, 'recordings wait: they cannot be delivered')
    }
    this.#isAway = true
    entry.failures += 1
    const { retryFirstMs, retryLastMs } = this.#limits
    const ceiling = Math.min(retryLastMs, retryFirstMs * 2 ** Math.min(entry.failures - 1, 16))
    return ceiling / 2 + (Math.random() * ceiling) / 2
  }
}
