import type { Clock } from '../../core/index.ts'
import { RECORDING_READ_MS, RECORDING_READERS } from '../limits.ts'

/**
 * Who reads which recording. It is read in pieces, and told once a reading: at the first piece, and at any other when nothing was
 * told for a while.
 */
export class RecordingReaders {
  readonly #clock: Clock
  readonly #told = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isNews(user: string, id: string, index: number): boolean {
    const toldMs = this.#told.get(`${id} ${user}`)
    return index === 0 || toldMs === undefined || this.#clock.now() - toldMs > RECORDING_READ_MS
  }

  /** It is in the audit log. */
  told(user: string, id: string): void {
    const key = `${id} ${user}`
    this.#told.delete(key)
    this.#told.set(key, this.#clock.now())
    if (this.#told.size <= RECORDING_READERS) return
    for (const oldest of this.#told.keys()) {
      this.#told.delete(oldest)
      break
    }
  }
}
