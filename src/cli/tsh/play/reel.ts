import { RecordError, type RecordFrame, type SessionFacts } from '../../../recording/index.ts'
import type { Recording } from '../recordings/recording.ts'
import { IdleClock } from './idle.ts'

export interface UpcomingFrame {
  readonly frame: RecordFrame
  /** When it is due: its time without the pauses that are left out. */
  readonly dueMs: number
}

/** The frames of a recording that can be seen, one after the other, and again from the beginning. */
export class Reel {
  readonly #recording: Recording
  readonly #idleLimitMs: number | null
  #frames: AsyncGenerator<RecordFrame, void, undefined>
  #clock: IdleClock
  #upcoming: UpcomingFrame | null = null
  #facts: SessionFacts | null = null
  #failure: RecordError | null = null

  constructor(recording: Recording, idleLimitMs: number | null) {
    this.#recording = recording
    this.#idleLimitMs = idleLimitMs
    this.#frames = recording.frames()
    this.#clock = new IdleClock(idleLimitMs)
  }

  /** Null at the end, and before the first `advance`. */
  get upcoming(): UpcomingFrame | null {
    return this.#upcoming
  }

  /** Known when the first frame was read, of what we recorded. */
  get facts(): SessionFacts | null {
    return this.#facts
  }

  /** Why it ends before its end; what came before that is good. */
  get failure(): RecordError | null {
    return this.#failure
  }

  /** Takes the upcoming frame, and reads the one after it. Rejects with what the recording's source rejects with. */
  async advance(): Promise<RecordFrame | null> {
    const taken = this.#upcoming?.frame ?? null
    this.#upcoming = null
    for (;;) {
      const { value, done } = await this.#next()
      if (done === true) return taken
      if (value.kind === 'begin') this.#facts = value.facts
      // What was typed is seen when it was echoed.
      if (value.kind === 'begin' || (value.kind === 'data' && value.stream === 'stdin')) continue
      this.#upcoming = { frame: value, dueMs: this.#clock.due(value.atMs) }
      return taken
    }
  }

  async rewind(): Promise<void> {
    await this.close()
    this.#frames = this.#recording.frames()
    this.#clock = new IdleClock(this.#idleLimitMs)
    this.#upcoming = null
    await this.advance()
  }

  async close(): Promise<void> {
    await this.#frames.return()
  }

  async #next(): Promise<IteratorResult<RecordFrame, void>> {
    try {
      return await this.#frames.next()
    } catch (error) {
      // A record that is no record at all is nothing to show.
      if (!(error instanceof RecordError) || error.code === 'RECORD_UNKNOWN') throw error
      this.#failure = error
      return { value: undefined, done: true }
    }
  }
}
