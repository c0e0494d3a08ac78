import { type AuditLog, eventBase, eventUidOf } from '../../audit/index.ts'
import {
  type Clock,
  errorMessage,
  fewAtOnce,
  formatDuration,
  type Logger,
} from '../../core/index.ts'
import type { Recording, RecordingStore } from '../../recordings/index.ts'
import { EXPIRED_AT_ONCE, INCOMPLETE_KEPT_MS, RECORDINGS_LOOKED_AT } from '../limits.ts'
import { deletionOf } from './deletion.ts'

export interface ExpiryDeps {
  readonly recordings: RecordingStore
  readonly audit: AuditLog
  readonly clusterName: string
  readonly clock: Clock
  readonly log: Logger
  /** After the end of a session, in milliseconds. */
  readonly retentionMs: number
}

/**
 * Removes recordings whose time is over: counted from the end of their session, or from the last word of one whose end nobody told. Each is in
 * the audit log before it goes. One that cannot be read is left alone, and so is everything whose removal fails: the others go.
 */
export class RecordingExpiry implements AsyncDisposable {
  readonly #deps: ExpiryDeps
  readonly #stop = new AbortController()
  #running: Promise<void> | null = null
  /** Where the next round goes on, so that those that must stay hide none behind them. */
  #after: string | null = null

  /** Until the process ends. */
  readonly #unreadable = new Set<string>()

  constructor(deps: ExpiryDeps) {
    this.#deps = deps
  }

  /** Looks at some of those that are old enough; nothing while the round before is at it. Never rejects. */
  async round(): Promise<void> {
    if (this.#running !== null || this.#stop.signal.aborted) return
    this.#running = this.#round().catch((error: unknown) =>
      this.#deps.log.warn({ error: errorMessage(error) }, 'recordings cannot be removed now'),
    )
    await this.#running
    this.#running = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #round(): Promise<void> {
    const { recordings, clock, retentionMs } = this.#deps
    const page = recordings.oldest({
      beforeMs: clock.now() - retentionMs,
      limit: RECORDINGS_LOOKED_AT,
      ...(this.#after === null ? {} : { after: this.#after }),
    })
    await fewAtOnce(
      page.ids.map((id) => async () => {
        if (!this.#stop.signal.aborted) await this.#judge(id)
      }),
      EXPIRED_AT_ONCE,
    )
    this.#after = page.next
  }

  /** Rejects when the audit log does not take it: then nothing goes. */
  async #judge(id: string): Promise<void> {
    const { recordings, audit, clusterName, clock, log, retentionMs } = this.#deps
    if (this.#unreadable.has(id)) return
    // The store says in the log which one cannot be read: once, and not in every round.
    const recording = await recordings.get(id).catch(() => 'unreadable' as const)
    if (recording === 'unreadable') this.#unreadable.add(id)
    if (recording === null || recording === 'unreadable') return
    const overMs = dueMs(recording, retentionMs)
    if (clock.now() < overMs) return
    // Under one uid, however often its removal fails.
    const uid = eventUidOf(overMs, `session.recording.delete ${id}`)
    await audit.append({
      ...eventBase('session.recording.delete', { clusterName, nowMs: clock.now(), uid }),
      ...deletionOf(recording),
      retention: formatDuration(retentionMs),
    })
    await recordings
      .remove(id)
      .catch((error: unknown) =>
        log.warn(
          { recording: id, error: errorMessage(error) },
          'a recording whose time is over cannot be removed',
        ),
      )
  }
}

const dueMs = ({ end, heardMs }: Recording, retentionMs: number): number =>
  end === null ? heardMs + Math.max(retentionMs, INCOMPLETE_KEPT_MS) : end.endedMs + retentionMs
