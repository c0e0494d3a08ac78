import { errorCode, errorMessage, type Logger } from '../../core/index.ts'
import { pause } from '../../waits/index.ts'
import { RecordingError, type RecordingErrorCode } from '../errors.ts'
import { CHUNKS_A_TURN, HELD_AT_ONCE, type RecorderLimits, WHOLE_CHUNK_BYTES } from '../limits.ts'
import type { WholeRecording } from '../store/types.ts'
import type { RecordingTarget } from '../target.ts'
import type { SpoolAccount } from './account.ts'
import type { SpoolDisk } from './disk.ts'
import { chunkName, type HeldChunk, pathIn, type SpooledSession } from './session-directory.ts'

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
  /** Sessions that are delivered from memory. */
  #held = 0
  /** It may be an auth service that does not know how. */
  #takesWhole = true
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

  /** Whether a session that ends now may wait in memory for its delivery. */
  takesAtOnce(): boolean {
    return this.#canWhole() && !this.#isAway && this.#held < HELD_AT_ONCE
  }

  #canWhole(): boolean {
    return this.#takesWhole && this.#target.whole !== undefined && !this.#stop.signal.aborted
  }

  /** There is something new of a session. */
  changed(session: SpooledSession): void {
    if (session.held !== null) this.#held += 1
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
    const over = new AbortController()
    await Promise.race([Promise.all(this.#works), pause(waitMs, over.signal)])
    // A timer that nobody waits for would keep the process.
    over.abort()
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
      this.#account.setAway(false)
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
    const whole = await this.#wholeOf(session)
    if (whole !== null) {
      await this.#bringWhole(session, whole)
      this.#over(entry)
      return
    }
    if (session.held !== null) await this.#keep(session.held)
    const isDue =
      entry.saidMs === null || performance.now() - entry.saidMs >= this.#limits.sayEveryMs
    if (isDue) {
      await this.#target.begin({ facts: head.facts, encrypted: head.recipients.length > 0 })
      entry.saidMs = performance.now()
    }
    const isOurs = (): boolean => !signal.aborted && this.#entries.get(id) === entry
    for (let brought = 0; ; brought += 1) {
      if (!isOurs()) return
      const [chunk] = chunks
      if (chunk === undefined) break
      if (brought >= CHUNKS_A_TURN && this.#line.length > 0) {
        // Behind those who wait.
        entry.isDirty = true
        return
      }
      const path = pathIn(session, chunkName(chunk.index))
      const bytes = await this.#read(path)
      // Without one that somebody took away the target refuses what comes next, for good.
      if (bytes !== null) {
        await this.#target.putChunk(id, chunk.index, bytes)
        entry.saidMs = performance.now()
        await this.#disk.unlink(path)
        this.#account.setAway(false)
        this.uploads += 1
      }
      chunks.shift()
      this.#account.add(id, -chunk.size)
    }
    if (session.end === null) return
    await this.#target.end(id, session.end)
    await this.#disk.remove(session.directory)
    this.#over(entry)
  }

  #over({ session }: Entry): void {
    this.#account.drop(session.id)
    this.#entries.delete(session.id)
    this.#events.delivered(session)
  }

  /** What can be brought at once; null: it goes piece by piece. */
  async #wholeOf(session: SpooledSession): Promise<WholeRecording | null> {
    const { end, held } = session
    const [chunk] = session.chunks
    if (end?.chunks !== 1 || !this.#canWhole()) return null
    const { facts, recipients } = session.head
    const head = { facts, encrypted: recipients.length > 0 }
    if (held !== null) return { head, end, chunk: held.chunk }
    if (chunk === undefined || chunk.size > WHOLE_CHUNK_BYTES) return null
    const bytes = await this.#read(pathIn(session, chunkName(0)))
    return bytes === null ? null : { head, end, chunk: bytes }
  }

  /** Null: it is not there any more. */
  async #read(path: string): Promise<Buffer | null> {
    try {
      return await this.#disk.read(path)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      return null
    }
  }

  async #keep(held: HeldChunk): Promise<void> {
    await held.keep()
    this.#held -= 1
  }

  async #bringWhole(session: SpooledSession, whole: WholeRecording): Promise<void> {
    const { held } = session
    try {
      await this.#target.whole?.(whole)
    } catch (error) {
      if (isCoded(error, 'RECORDING_UNKNOWN')) this.#takesWhole = false
      // Memory is for what is taken at once. Where the disk does not take it, it waits as it is: what it was made of lies there.
      if (held !== null && !isCoded(error, 'RECORDING_CONFLICT')) {
        await this.#keep(held).catch(() => {})
      }
      throw error
    }
    this.uploads += 1
    if (held === null) await this.#disk.remove(session.directory)
    else {
      session.held = null
      this.#held -= 1
      await held.drop().catch(() => this.#disk.remove(session.directory))
    }
  }

  /** How long to wait before it is tried again; null: never. */
  async #failed(entry: Entry, error: unknown): Promise<number | null> {
    this.lastError = errorMessage(error)
    this.failures += 1
    // Whatever it was, it may be that the target knows nothing of it any more.
    entry.saidMs = null
    if (isCoded(error, 'RECORDING_CONFLICT')) {
      if (entry.session.held !== null) this.#held -= 1
      this.#entries.delete(entry.session.id)
      await this.#events.refused(entry.session, error)
      return null
    }
    if (!this.#isAway && !this.#stop.signal.aborted) {
      this.#log.warn({ error: this.lastError }, 'recordings wait: they cannot be delivered')
    }
    this.#isAway = true
    this.#account.setAway(true)
    entry.failures += 1
    const { retryFirstMs, retryLastMs } = this.#limits
    const ceiling = Math.min(retryLastMs, retryFirstMs * 2 ** Math.min(entry.failures - 1, 16))
    return ceiling / 2 + (Math.random() * ceiling) / 2
  }
}

const isCoded = (error: unknown, code: RecordingErrorCode): boolean =>
  error instanceof RecordingError && error.code === code
