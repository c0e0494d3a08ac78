import type { Clock } from '../../core/index.ts'
import { RECORDING_READ_MS, RECORDING_READERS, RECORDING_TURNED_MS } from '../limits.ts'

interface Told {
  readonly atMs: number
  /** The first piece of that reading was seen. */
  readonly hasFirst: boolean
}

/**
 * Who reads which recording. It is read in pieces, several at once, and told once a reading: at the first piece, and at any other
 * when nothing was told for a while.
 */
export class RecordingReaders {
  readonly #clock: Clock
  readonly #told = new Map<string, Told>()
  /** Being told; whoever asks for another piece meanwhile waits for it, and fails with it. */
  readonly #underway = new Map<string, Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Tells, where this piece is news; resolves when it stands in the audit log that somebody reads. Rejects as `tell` does. */
  async note(user: string, id: string, index: number, tell: () => Promise<void>): Promise<void> {
    const key = `${id} ${user}`
    const underway = this.#underway.get(key)
    if (underway !== undefined) {
      await underway
      if (index === 0) this.#remember(key, true)
      return
    }
    if (!this.#isNews(key, index)) {
      if (index === 0) this.#remember(key, true)
      return
    }
    const telling = tell()
    this.#underway.set(key, telling)
    try {
      await telling
      this.#remember(key, index === 0)
    } finally {
      this.#underway.delete(key)
    }
  }

  #isNews(key: string, index: number): boolean {
    const told = this.#told.get(key)
    if (told === undefined) return true
    const ageMs = this.#clock.now() - told.atMs
    // A later piece of the same reading may come in before the first one.
    if (index === 0) return told.hasFirst || ageMs > RECORDING_TURNED_MS
    return ageMs > RECORDING_READ_MS
  }

  #remember(key: string, hasFirst: boolean): void {
    this.#told.delete(key)
    this.#told.set(key, { atMs: this.#clock.now(), hasFirst })
    if (this.#told.size <= RECORDING_READERS) return
    for (const oldest of this.#told.keys()) {
      this.#told.delete(oldest)
      break
    }
  }
}
