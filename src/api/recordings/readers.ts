import type { Clock } from '../../core/index.ts'
import { RECORDING_READ_MS, RECORDING_READERS } from '../limits.ts'

/**
 * Who reads which recording. It is read in pieces, several at once, and told once a reading: at the first piece, and at any other
 * when nothing was told for a while.
 */
export class RecordingReaders {
  readonly #clock: Clock
  readonly #told = new Map<string, number>()
  /** Being told; whoever asks for another piece meanwhile waits for it, and fails with it. */
  readonly #underway = new Map<string, Promise<void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Tells, where this piece is news; resolves when it stands in the audit log that somebody reads. Rejects as `tell` does. */
  async note(user: string, id: string, index: number, tell: () => Promise<void>): Promise<void> {
    const key = `${id} ${user}`
    const underway = this.#underway.get(key)
    if (underway !== undefined) return underway
    if (!this.#isNews(key, index)) return
    const telling = tell()
    this.#underway.set(key, telling)
    try {
      await telling
      this.#remember(key)
    } finally {
      this.#underway.delete(key)
    }
  }

  #isNews(key: string, index: number): boolean {
    const toldMs = this.#told.get(key)
    return index === 0 || toldMs === undefined || this.#clock.now() - toldMs > RECORDING_READ_MS
  }

  #remember(key: string): void {
    this.#told.delete(key)
    this.#told.set(key, this.#clock.now())
    if (this.#told.size <= RECORDING_READERS) return
    for (const oldest of this.#told.keys()) {
      this.#told.delete(oldest)
      break
    }
  }
}
