import { type Clock, errorCode, errorMessage } from '../../core/index.ts'
import { type DataStream, StreamKeeper } from '../../recording/index.ts'
import { RecorderError } from '../errors.ts'
import { FRAME_BYTES, GROUP_BYTES, type RecorderLimits } from '../limits.ts'
import type { RecordOptions, SessionRecord } from '../recorder-types.ts'
import type { RecordFile } from './record-file.ts'
import type { SpooledSession } from './session-directory.ts'
import { isTar, TarFiles } from './tar-files.ts'

/** What happens to a record, for who delivers it. */
export interface WriterEvents {
  /** Whether a session that is over soon may be delivered from memory. */
  takesAtOnce(): boolean
  /** There are new chunks, or its end. */
  changed(): void
  /** It cannot go on; what is in the spool is as good as it was. */
  failed(): void
  /** Nothing of it is to be kept. */
  discarded(): void
}

type State = 'open' | 'ending' | 'over'

/** Records one session. */
export class SessionWriter implements SessionRecord {
  readonly #session: SpooledSession
  readonly #file: RecordFile
  readonly #options: RecordOptions
  readonly #limits: RecorderLimits
  readonly #clock: Clock
  readonly #events: WriterEvents
  readonly #keepers: Readonly<Record<DataStream, StreamKeeper>> | null
  readonly #files: { readonly stdin: TarFiles; readonly stdout: TarFiles } | null
  readonly #limited = new Set<DataStream>()
  /** Until when the keepers were refilled, of the session's time; null: nothing was sent into it yet. */
  #refilledMs: number | null = null
  #state: State = 'open'
  #isTold = false
  #timer: NodeJS.Timeout | null = null
  /** When it is due, of the process's own time. */
  #dueMs = Number.POSITIVE_INFINITY
  /** When the open part got its first bytes, of the process's own time; null: it is empty. */
  #openSinceMs: number | null = null
  #running: Promise<void> | null = null
  #ending: Promise<void> | null = null
  #again = false
  #missedSize: { readonly width: number; readonly height: number } | null = null
  #lastMs = 0

  constructor(parts: {
    readonly session: SpooledSession
    readonly file: RecordFile
    readonly options: RecordOptions
    readonly keepBytes: number
    readonly limits: RecorderLimits
    readonly clock: Clock
    readonly events: WriterEvents
  }) {
    const { facts } = parts.session.head
    this.#session = parts.session
    this.#file = parts.file
    this.#options = parts.options
    this.#limits = parts.limits
    this.#clock = parts.clock
    this.#events = parts.events
    const keeper = (): StreamKeeper => new StreamKeeper(parts.keepBytes)
    this.#keepers = facts.tty ? null : { stdin: keeper(), stdout: keeper(), stderr: keeper() }
    this.#files =
      !facts.tty && isTar(facts.command)
        ? { stdin: new TarFiles('in'), stdout: new TarFiles('out') }
        : null
  }

  /** Writes the facts, and resolves when they are on the disk. */
  async begin(): Promise<void> {
    this.#file.add({ kind: 'begin', atMs: 0, facts: this.#session.head.facts })
    await this.#file.write(this.#limits.chunkBytes)
    this.#openSinceMs = performance.now()
    this.#wait()
  }

  data(stream: DataStream, data: Buffer): boolean {
    if (this.#state !== 'open') return true
    if (stream !== 'stderr') this.#files?.[stream].push(data)
    this.#refill(stream)
    if (stream === 'stdin' && this.#options.keepStdin !== true) return true
    if (this.#keepers?.[stream].keeps === true && this.#limited.delete(stream)) {
      this.#mark(`what follows on ${stream} is kept again`)
    }
    const kept = this.#keepers === null ? data : this.#keepers[stream].push(data)
    for (let at = 0; at < kept.length; at += FRAME_BYTES) {
      const piece = kept.subarray(at, at + FRAME_BYTES)
      this.#file.add({ kind: 'data', atMs: this.#atMs(), stream, data: piece })
    }
    if (kept.length < data.length && !this.#limited.has(stream)) {
      this.#limited.add(stream)
      this.#mark(`what follows on ${stream} is counted, and not kept`)
    }
    return this.#pushed()
  }

  resize({ width, height }: { readonly width: number; readonly height: number }): void {
    if (this.#state !== 'open') return
    // Nobody is told to wait with sizes: of those that come while there is no room the last one counts.
    if (this.#file.pendingBytes > this.#limits.pendingBytes) {
      this.#missedSize = { width, height }
      return
    }
    this.#missedSize = null
    this.#file.add({ kind: 'resize', atMs: this.#atMs(), width, height })
    this.#pushed()
  }

  marker(label: string): void {
    if (this.#state !== 'open') return
    this.#mark(label)
    this.#pushed()
  }

  end(end: { readonly exitCode: number | null; readonly reason: string }): Promise<void> {
    this.#ending ??= this.#end(end)
    return this.#ending
  }

  async #end({
    exitCode,
    reason,
  }: {
    readonly exitCode: number | null
    readonly reason: string
  }): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#stopTimer()
    for (const files of this.#eachFiles()) for (const label of files.rest()) this.#mark(label)
    const atMs = this.#atMs()
    for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
      const omitted = this.#keepers?.[stream].omitted() ?? null
      if (omitted !== null) this.#file.add({ kind: 'omitted', atMs, stream, ...omitted })
    }
    this.#file.add({ kind: 'end', atMs, exitCode, reason })
    await this.#running
    if (this.#isOver()) return
    try {
      while (await this.#file.write(this.#limits.chunkBytes)) {
        if (this.#file.pendingBytes === 0) break
        await this.#file.cut()
        // What comes next may wait for the room that its delivery makes.
        this.#events.changed()
      }
      // As its last frame says it, which is what another process would have to go by.
      const endedMs = this.#session.head.facts.startedMs + atMs
      await this.#file.finish({ endedMs, exitCode, reason }, this.#events.takesAtOnce())
      // It may have been refused in between.
      if (this.#isOver()) return
      this.#state = 'over'
      this.#events.changed()
    } catch (error) {
      await this.fail(error)
    }
  }

  discard(): boolean {
    if (this.#state !== 'open') return this.#state === 'ending'
    if (this.#running !== null || this.#file.isCut) {
      void this.end({ exitCode: null, reason: 'refused' })
      return true
    }
    this.#state = 'over'
    this.#stopTimer()
    void this.#file
      .abandon()
      .catch(() => {})
      .then(() => this.#events.discarded())
    return false
  }

  /** Ends the record where it is. */
  async fail(cause: unknown): Promise<void> {
    if (this.#isOver()) return
    this.#state = 'over'
    this.#stopTimer()
    await this.#file.abandon().catch(() => {})
    this.#events.failed()
    this.#options.onFailed(explained(cause))
    this.#drained()
  }

  /** Resolves when nothing is underway with the files of a record that has failed. */
  async settled(): Promise<void> {
    await this.#running
    await this.#ending
    // A part that was begun meanwhile.
    await this.#file.abandon().catch(() => {})
  }

  /** Writes what is in memory, and leaves the rest to whoever finds it in the spool; one that is being ended ends. */
  async suspend(): Promise<void> {
    this.#file.hurry()
    if (this.#ending !== null) return this.#ending
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#stopTimer()
    await this.#running
    if (this.#isOver()) return
    this.#state = 'over'
    try {
      await this.#file.write(Number.POSITIVE_INFINITY)
    } finally {
      await this.#file.abandon().catch(() => {})
      this.#events.failed()
      this.#drained()
    }
  }

  /** Where nobody sends anything, nobody asks for what comes behind the limit. */
  #refill(stream: DataStream): void {
    if (this.#keepers === null) return
    const atMs = this.#atMs()
    if (this.#refilledMs === null) {
      if (stream === 'stdin') this.#refilledMs = atMs
      return
    }
    const bytes = Math.floor(
      (Math.max(0, atMs - this.#refilledMs) * this.#limits.refillBytesPerSecond) / 1000,
    )
    this.#refilledMs = atMs
    for (const keeper of Object.values(this.#keepers)) keeper.refill(bytes)
  }

  #isOver(): boolean {
    return this.#state === 'over'
  }

  /** As frames have it: a clock that was set back gives the time of the one before. */
  #atMs(): number {
    this.#lastMs = Math.max(this.#lastMs, this.#clock.now() - this.#session.head.facts.startedMs)
    return this.#lastMs
  }

  /** Labels from elsewhere are bounded by what a frame may hold. */
  #mark(label: string): void {
    this.#file.add({ kind: 'marker', atMs: this.#atMs(), label: label.slice(0, MAX_LABEL_CHARS) })
  }

  #eachFiles(): readonly TarFiles[] {
    return this.#files === null ? [] : [this.#files.stdin, this.#files.stdout]
  }

  /** Whether more may come at once. */
  #pushed(): boolean {
    if (this.#file.pendingBytes >= GROUP_BYTES) this.#run()
    else this.#wait()
    if (this.#file.pendingBytes <= this.#limits.pendingBytes) return true
    this.#isTold = true
    return false
  }

  /** Sets the timer for what is to be done next, unless it is set for that or sooner. */
  #wait(): void {
    if (this.#running !== null || this.#state !== 'open') return
    const now = performance.now()
    const mustFlush = this.#file.pendingBytes > 0 || this.#files !== null
    const inMs = mustFlush ? this.#limits.flushMs : this.#cutInMs()
    if (inMs === null || now + inMs >= this.#dueMs) return
    this.#stopTimer()
    this.#dueMs = now + inMs
    this.#timer = setTimeout(() => this.#run(), inMs)
  }

  /** Null: there is nothing to cut. */
  #cutInMs(): number | null {
    if (this.#openSinceMs === null) return null
    return Math.max(0, this.#openSinceMs + this.#limits.cutMs - performance.now())
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  #run(): void {
    this.#stopTimer()
    if (this.#running !== null) {
      this.#again = true
      return
    }
    this.#running = this.#work().finally(() => {
      this.#running = null
      // Who was told that there is room may have brought more before this.
      if (this.#state === 'open' && this.#file.pendingBytes >= GROUP_BYTES) this.#run()
      else this.#wait()
    })
  }

  async #work(): Promise<void> {
    try {
      do {
        this.#again = false
        for (const files of this.#eachFiles()) for (const label of files.news()) this.#mark(label)
        const isLarge = await this.#file.write(this.#limits.chunkBytes)
        if (this.#file.openBytes > 0) this.#openSinceMs ??= performance.now()
        if (isLarge || this.#cutInMs() === 0) {
          await this.#file.cut()
          this.#openSinceMs = null
          this.#events.changed()
        }
        if (this.#file.pendingBytes <= this.#limits.pendingBytes / 4) {
          if (this.#missedSize !== null) this.resize(this.#missedSize)
          this.#drained()
        }
      } while (this.#again || this.#file.pendingBytes >= GROUP_BYTES)
    } catch (error) {
      await this.fail(error)
    }
  }

  #drained(): void {
    if (!this.#isTold) return
    this.#isTold = false
    this.#options.onDrain()
  }
}

/** Of a marker; four bytes of UTF-8 each are within what a frame holds. */
const MAX_LABEL_CHARS = 16 * 1024

function explained(cause: unknown): Error {
  if (cause instanceof RecorderError) return cause
  const code = errorCode(cause)
  return new RecorderError(
    'RECORDER_UNWRITABLE',
    `the session cannot be recorded any more: ${code === 'ENOSPC' ? 'the disk is full' : errorMessage(cause)}`,
    { cause },
  )
}
