import { stripVTControlCharacters } from 'node:util'
import { displayWidth } from './width.ts'

/** What a terminal draws at once where it knows the mode, and ignores where it does not. */
const BEGIN_UPDATE = '\u001b[?2026h'
const END_UPDATE = '\u001b[?2026l'
const CLEAR = '\u001b[2J'
const CLEAR_LINE = '\u001b[K'

/**
 * Turns screens into what must be written to get from one to the next: lines that changed, in place, in one piece. So nothing
 * flickers, and a slow line carries little.
 */
export class Screen {
  #shown: readonly string[] | null = null

  /** Forgets what is shown: after a resize, or when somebody else wrote to the terminal. */
  forget(): void {
    this.#shown = null
  }

  /** The bytes that show `lines` on a terminal of so many columns; empty when they are shown already. */
  update(lines: readonly string[], columns: number): string {
    const shown = this.#shown
    const height = Math.max(lines.length, shown?.length ?? 0)
    let changes = shown === null ? CLEAR : ''
    for (let row = 0; row < height; row += 1) {
      const line = lines[row] ?? ''
      if (line === (shown?.[row] ?? '')) continue
      // Behind the last column the cursor stays on it, and clearing would take the character there.
      const full = displayWidth(stripVTControlCharacters(line)) >= columns
      changes += `\u001b[${row + 1};1H${line}${full ? '' : CLEAR_LINE}`
    }
    this.#shown = [...lines]
    return changes === '' ? '' : BEGIN_UPDATE + changes + END_UPDATE
  }
}
