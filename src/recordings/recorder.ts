import { join } from 'node:path'
import { type Clock, errorCode, errorMessage, type Logger } from '../core/index.ts'
import { RecordError, type SessionFacts } from '../recording/index.ts'
import { pause } from '../waits/index.ts'
import { boundedFacts } from './bounded-facts.ts'
import { RecorderError } from './errors.ts'
import { defaultRecorderLimits, type RecorderLimits } from './limits.ts'
import type { RecordingSettings, RecordOptions, SessionRecord } from './recorder-types.ts'
import { SpoolAccount } from './spool/account.ts'
import { Aside } from './spool/aside.ts'
import { Delivery } from './spool/delivery.ts'
import { nodeDisk, type SpoolDisk } from './spool/disk.ts'
import { finishLeftover } from './spool/finish-leftover.ts'
import { Places } from './spool/places.ts'
import { RecordFile } from './spool/record-file.ts'
import type { SpooledSession } from './spool/session-directory.ts'
import { SessionWriter } from './spool/session-writer.ts'
import { sizeOf } from './spool/size-of.ts'
import { Turns } from './store/turns.ts'
import type { RecordingTarget } from './target.ts'

export interface RecorderOptions {
  /** The spool: 0700, files 0600. */
  readonly directory: string
  readonly target: RecordingTarget
  /** As of now. */
  readonly settings: () => RecordingSettings
  readonly clock: Clock
  readonly log: Logger
  readonly disk?: SpoolDisk
  readonly limits?: Partial<RecorderLimits>
}

/** What the recorder does, for metrics. */
export interface RecorderStats {
  /** Sessions that are recorded now. */
  readonly live: number
  /** Recordings of which something is in the spool, live ones included. */
  readonly pending: number
  readonly pendingBytes: number
  /** Since the start. */
  readonly uploadedChunks: number
  readonly failedDeliveries: number
  /** Records that could not go on, since the start. */
  readonly failedRecords: number
  readonly lastError: string | null
}

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Where is put what nobody can read, or what was refused for good. */
const ASIDE = 'aside'
const PROCESS_ENDED =
  'the service that recorded the session stopped: what came after this is not recorded'
const RECORD_FAILED =
  'the session could not be recorded any more: what came after this is not recorded'

/** Records sessions into a spool, and delivers them from there. */
export class Recorder implements AsyncDisposable {
  readonly #options: RecorderOptions
  readonly #disk: SpoolDisk
  readonly #limits: RecorderLimits
  readonly #account: SpoolAccount
  readonly #aside: Aside
  readonly #delivery: Delivery
  readonly #completions: Places
  /** One that is refused while its record breaks off is completed for either reason. */
  readonly #turns = new Turns()
  readonly #writers = new Map<string, SessionWriter>()
  /** Who hears it when a record that is whole is refused nevertheless. */
  readonly #whole = new Map<string, RecordOptions['onFailed']>()
  readonly #stop = new AbortController()
  readonly #works = new Set<Promise<void>>()
  readonly #saying: NodeJS.Timeout
  #failedRecords = 0
  #isClosing = false

  private constructor(options: RecorderOptions) {
    this.#options = options
    this.#disk = options.disk ?? nodeDisk
    this.#limits = { ...defaultRecorderLimits, ...options.limits }
    this.#completions = new Places(this.#limits.completionsAtOnce)
    this.#account = new SpoolAccount(this.#limits)
    this.#aside = new Aside({
      path: join(options.directory, ASIDE),
      limitBytes: this.#limits.asideBytes,
      disk: this.#disk,
      log: options.log,
    })
    this.#delivery = new Delivery({
      target: options.target,
      disk: this.#disk,
      account: this.#account,
      limits: this.#limits,
      log: options.log,
      events: {
        refused: (session, error) => this.#refused(session, error),
        delivered: ({ id }) => void this.#whole.delete(id),
      },
    })
    this.#saying = setInterval(() => this.#delivery.sayLive(), this.#limits.sayEveryMs / 4)
    this.#saying.unref()
  }

  /** Opens the spool; what an earlier process left in it is completed and delivered. */
  static async open(options: RecorderOptions): Promise<Recorder> {
    const recorder = new Recorder(options)
    await recorder.#takeOver()
    return recorder
  }

  policy(): { readonly records: boolean; readonly strict: boolean } {
    const { records, strict } = this.#options.settings()
    return { records, strict }
  }

  /** Rejects with RecorderError. */
  async begin(told: SessionFacts, options: RecordOptions): Promise<SessionRecord> {
    if (this.#isClosing) {
      throw new RecorderError('RECORDER_CLOSED', 'the service stops: nothing is recorded any more')
    }
    const settings = this.#options.settings()
    if (!settings.records) return nothing
    const facts = boundedFacts(told)
    if (!SESSION_ID.test(facts.sessionId)) throw new TypeError('a session without an id')
    const { recipients } = settings
    const session: SpooledSession = {
      id: facts.sessionId,
      directory: join(this.#options.directory, facts.sessionId),
      head: { facts, recipients },
      chunks: [],
      end: null,
      held: null,
    }
    const file = new RecordFile(session, this.#disk, this.#account)
    const writer = new SessionWriter({
      session,
      file,
      options,
      keepBytes: options.keepBytes ?? settings.pipeBytes,
      limits: this.#limits,
      clock: this.#options.clock,
      events: {
        takesAtOnce: () => this.#delivery.takesAtOnce(),
        changed: () => this.#changed(session, options.onFailed),
        failed: () => this.#failed(session),
        discarded: () => {
          this.#writers.delete(session.id)
          void this.#discard(session.id)
        },
      },
    })
    try {
      await file.open()
      await writer.begin()
    } catch (error) {
      await file.abandon().catch(() => {})
      // Nothing of it was acknowledged, and nothing may stay of it that looks like a session. One that was there before is not ours.
      if (errorCode(error) !== 'EEXIST') await this.#discard(session.id)
      if (error instanceof RecorderError) throw error
      throw new RecorderError(
        'RECORDER_UNWRITABLE',
        `the session cannot be recorded: ${errorMessage(error)}`,
        { cause: error },
      )
    }
    this.#writers.set(session.id, writer)
    return writer
  }

  stats(): RecorderStats {
    return {
      live: this.#writers.size,
      pending: new Set([...this.#writers.keys(), ...this.#delivery.ids()]).size,
      pendingBytes: this.#account.used,
      uploadedChunks: this.#delivery.uploads,
      failedDeliveries: this.#delivery.failures,
      failedRecords: this.#failedRecords,
      lastError: this.#delivery.lastError,
    }
  }

  /** Ends what is still recorded as cut, and delivers what it can within a moment; the rest is in the spool. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#saying)
    const writers = [...this.#writers.values()]
    await Promise.all(
      writers.map((writer) =>
        writer.suspend().catch((error: unknown) => {
          this.#options.log.error({ error: errorMessage(error) }, 'a recording lacks its end')
        }),
      ),
    )
    await Promise.race([this.#settled(), pause(this.#limits.closeMs, this.#stop.signal)])
    await this.#delivery.drain(this.#limits.closeMs)
    this.#stop.abort()
    await this.#settled()
    await this.#delivery.close(this.#limits.closeMs)
  }

  async #settled(): Promise<void> {
    while (this.#works.size > 0) await Promise.all(this.#works)
  }

  async #takeOver(): Promise<void> {
    const { directory, log } = this.#options
    await this.#disk.makeDirectory(directory)
    const names = await this.#disk.list(directory)
    if (names.includes(ASIDE)) await this.#takeOverAside()
    for (const name of names.filter((name) => name !== ASIDE)) {
      await this.#takeOverRoom(name)
    }
    const ids = names.filter((name) => SESSION_ID.test(name))
    if (ids.length > 0) {
      log.info({ recordings: ids.length }, 'recordings of an earlier process are completed')
    }
    for (const id of ids) this.#complete(id, PROCESS_ENDED)
  }

  /** Whatever lies there takes room; what cannot be looked at keeps nothing from being recorded. */
  async #takeOverRoom(name: string): Promise<void> {
    const { directory, log } = this.#options
    try {
      this.#account.add(name, await sizeOf(join(directory, name), this.#disk))
    } catch (error) {
      log.warn({ name, error: errorMessage(error) }, 'something in the spool cannot be looked at')
    }
  }

  /** What lies aside keeps nothing from being recorded. */
  async #takeOverAside(): Promise<void> {
    try {
      await this.#aside.takeOver()
    } catch (error) {
      this.#options.log.warn(
        { error: errorMessage(error) },
        'recordings that were put aside cannot be looked at',
      )
    }
  }

  #changed(session: SpooledSession, onFailed: RecordOptions['onFailed']): void {
    if (session.end !== null) {
      this.#writers.delete(session.id)
      this.#whole.set(session.id, onFailed)
    }
    this.#delivery.changed(session)
  }

  #failed(session: SpooledSession): void {
    // One that was refused is not completed: it is put aside.
    if (!this.#writers.delete(session.id)) return
    if (!this.#isClosing) this.#failedRecords += 1
    this.#complete(session.id, this.#isClosing ? PROCESS_ENDED : RECORD_FAILED)
  }

  /** Completes a session that nobody writes any more, when the disk lets it; it is delivered then, or as `then` says. */
  #complete(
    id: string,
    why: string,
    then = async (session: SpooledSession): Promise<void> => this.#delivery.changed(session),
  ): void {
    const work = this.#turns
      .take(id, () => this.#completing(id, why, then))
      .finally(() => this.#works.delete(work))
    this.#works.add(work)
  }

  async #completing(
    id: string,
    why: string,
    then: (session: SpooledSession) => Promise<void>,
  ): Promise<void> {
    const { log } = this.#options
    const directory = join(this.#options.directory, id)
    const how = { disk: this.#disk, account: this.#account, why }
    let waitMs = this.#limits.retryFirstMs
    for (;;) {
      try {
        await this.#delivery.forget(id)
        // Not while it waits to be tried again: others can be completed meanwhile.
        const session = await this.#completions.take(() => finishLeftover(id, directory, how))
        if (session === null) await this.#discard(id)
        else await then(session)
        return
      } catch (error) {
        if (error instanceof RecordError) {
          log.error(
            { recording: id, error: error.message },
            'a recording in the spool cannot be read, and is put aside',
          )
          await this.#putAside(id)
          return
        }
        log.warn(
          { recording: id, error: errorMessage(error) },
          'a recording in the spool cannot be completed now',
        )
        if (this.#stop.signal.aborted) return
        await pause(waitMs, this.#stop.signal)
        if (this.#stop.signal.aborted) return
        waitMs = Math.min(this.#limits.retryLastMs, waitMs * 2)
      }
    }
  }

  async #refused(session: SpooledSession, error: unknown): Promise<void> {
    this.#options.log.error(
      { recording: session.id, error: errorMessage(error) },
      'a recording is refused by the auth service, and is put aside',
    )
    const refusal = new RecorderError(
      'RECORDER_REFUSED',
      `the auth service refuses the recording: ${errorMessage(error)}`,
      { cause: error },
    )
    const writer = this.#writers.get(session.id)
    const onFailed = this.#whole.get(session.id)
    this.#writers.delete(session.id)
    this.#whole.delete(session.id)
    if (writer !== undefined || onFailed !== undefined) this.#failedRecords += 1
    // A session that has ended hears it, too: what its record was to prove is not there.
    onFailed?.(refusal)
    await writer?.fail(refusal)
    await writer?.settled()
    // Its open part is in the clear, and there it may lie for long.
    this.#complete(session.id, RECORD_FAILED, () => this.#putAside(session.id))
  }

  async #putAside(id: string): Promise<void> {
    try {
      const directory = join(this.#options.directory, id)
      await this.#aside.put(id, directory, this.#options.clock.now())
      this.#account.drop(id)
    } catch (error) {
      this.#options.log.error(
        { recording: id, error: errorMessage(error) },
        'a recording in the spool cannot be put aside',
      )
    }
  }

  async #discard(id: string): Promise<void> {
    try {
      await this.#disk.remove(join(this.#options.directory, id))
      this.#account.drop(id)
    } catch (error) {
      this.#options.log.warn({ error: errorMessage(error) }, 'a left-over cannot be removed')
    }
  }
}

/** What a session is recorded with where nothing is. */
const nothing: SessionRecord = {
  data: () => true,
  resize: () => {},
  marker: () => {},
  end: async () => {},
  discard: () => false,
}
