import type { TerminalSize } from '../protocol/index.ts'

/** Nobody sees a terminal change more often. */
const EVERY_MS = 20

/**
 * Sizes of a terminal, of those that come within a moment the last: whoever drags the corner of a window says a hundred, and whoever wants to fill
 * our memory a million.
 */
export class LastSize {
  readonly #tell: (size: TerminalSize) => void
  #waiting: TerminalSize | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(tell: (size: TerminalSize) => void) {
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
    }, EVERY_MS)
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#waiting = null
  }
}
