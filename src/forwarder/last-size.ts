import type { TerminalSize } from '../protocol/index.ts'

/**
 * Sizes of a terminal, of those that come within a moment the last: whoever drags the corner of a window says a hundred, and whoever wants to fill
 * our memory a million.
 */
export class LastSize {
  readonly #everyMs: number
  readonly #tell: (size: TerminalSize) => void
  #waiting: TerminalSize | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(everyMs: number, tell: (size: TerminalSize) => void) {
    this.#everyMs = everyMs
    this.#tell = tell
  }

  push(size: TerminalSize): void {
    if (this.#timer !== null) {
      this.#waiting = size
      return
    }
    this.#tell(size)
    this.#timer = setTimeout(() => {
      this.#timer = null
      const waiting = this.#waiting
      this.#waiting = null
      if (waiting !== null) this.push(waiting)
    }, this.#everyMs)
    this.#timer.unref()
  }

  /** Nothing is told any more; the size that waited, if there is one. */
  stop(): TerminalSize | null {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const waiting = this.#waiting
    this.#waiting = null
    return waiting
  }
}
