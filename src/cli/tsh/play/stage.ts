import type { IBufferCell, Terminal } from '@xterm/headless'
import headless from '@xterm/headless'
import { hasUnsafe } from '../../../core/index.ts'
import { MAX_PLAYED_COLUMNS, MAX_PLAYED_ROWS } from '../../../recording/index.ts'
import {
  MAX_CELL_CHARS,
  MAX_PIECE_STEPS,
  MAX_STEPS,
  MIN_PIECE_BYTES,
  STAGE_CELLS,
  STAGE_PIECE_BYTES,
  STAGE_PIECES,
} from './limits.ts'

/** What a terminal has until somebody tells another size. */
const COLUMNS = 80
const ROWS = 24
/** DECTCEM: whether the cursor is shown. */
const CURSOR_MODE = 25
/** CHT, IL, DL, SU, SD, CBT, REP: the emulator repeats these as often as the sequence says. */
const STEPWISE = ['I', 'L', 'M', 'S', 'T', 'Z', 'b'] as const

/** OSC 8. */
const LINK = 8

interface Size {
  readonly columns: number
  readonly rows: number
}

/**
 * The terminal of the session, in memory. What the session wrote goes to it alone, and the viewer's own terminal is given
 * nothing but the characters and colours that are on it: no question that it would answer, no title, no clipboard, no mode.
 */
export class Stage {
  #terminal: Terminal
  #cursorShown = true
  /** Pieces that the emulator has not taken yet. */
  #waiting = 0
  /** What the sequences of the piece that it takes ask it to repeat. */
  #steps = 0
  #isStopped = false
  #settled: Promise<void> = Promise.resolve()
  readonly #isTty: boolean

  /** Without a terminal lines end with a line feed alone. */
  constructor(isTty: boolean) {
    this.#isTty = isTty
    this.#terminal = this.#open({ columns: COLUMNS, rows: ROWS })
  }

  get size(): Size {
    return { columns: this.#terminal.cols, rows: this.#terminal.rows }
  }

  /** Takes output of the session. Resolves when more of it may come. */
  async write(data: Buffer): Promise<void> {
    const { cols, rows } = this.#terminal
    const fair = Math.floor((STAGE_PIECE_BYTES * STAGE_CELLS) / (cols * rows))
    const bytes = Math.min(STAGE_PIECE_BYTES, Math.max(MIN_PIECE_BYTES, fair))
    for (let at = 0; at < data.length && !this.#isStopped; at += bytes) {
      this.#settled = this.#take(data.subarray(at, at + bytes))
      if (this.#waiting >= STAGE_PIECES) await this.#settled
    }
  }

  /** Nobody looks any more: what is not shown yet never is. */
  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when all that was written is on the screen. */
  settle(): Promise<void> {
    return this.#settled
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#settled
    this.#terminal.resize(clamp(width, MAX_PLAYED_COLUMNS), clamp(height, MAX_PLAYED_ROWS))
  }

  /** An empty screen, as it was at the beginning. */
  async clear(): Promise<void> {
    await this.#settled
    this.#terminal.dispose()
    this.#cursorShown = true
    this.#terminal = this.#open({ columns: COLUMNS, rows: ROWS })
  }

  /**
   * The screen as lines, of which none is wider than `columns`: the left part of it, and of its rows those around the
   * cursor when there are more than fit.
   */
  lines(view: Size, colour: boolean): string[] {
    const { active } = this.#terminal.buffer
    const { rows } = this.#terminal
    const shown = Math.min(rows, view.rows)
    const first = Math.min(Math.max(0, active.cursorY - shown + 1), rows - shown)
    const cell = active.getNullCell()
    return Array.from({ length: shown }, (_, at) => {
      const row = first + at
      const line = active.getLine(active.baseY + row)
      const cursor = this.#cursorShown && row === active.cursorY ? active.cursorX : null
      let text = ''
      let style = ''
      let blanks = ''
      for (let x = 0; line !== undefined && x < Math.min(line.length, view.columns); x += 1) {
        const found = line.getCell(x, cell)
        if (found === undefined) break
        const width = found.getWidth()
        if (width === 0 || x + width > view.columns) continue
        const next = colour ? styleOf(found, x === cursor) : ''
        const chars = charsOf(found)
        // Blanks at the end of a line are not written.
        if (chars === ' ' && next === '' && style === '') {
          blanks += ' '
          continue
        }
        text += blanks
        blanks = ''
        if (next !== style) {
          text += style === '' ? '' : RESET
          text += next
          style = next
        }
        text += chars
      }
      return style === '' ? text : text + RESET
    })
  }

  dispose(): void {
    this.#terminal.dispose()
  }

  #take(piece: Buffer): Promise<void> {
    this.#waiting += 1
    return new Promise((resolve) => {
      this.#terminal.write(piece, () => {
        this.#waiting -= 1
        this.#steps = 0
        resolve()
      })
    })
  }

  #isTooMuch(steps: number): boolean {
    if (steps > MAX_STEPS || this.#steps + steps > MAX_PIECE_STEPS) return true
    this.#steps += steps
    return false
  }

  #open({ columns, rows }: Size): Terminal {
    const terminal = new headless.Terminal({
      cols: columns,
      rows,
      scrollback: 0,
      convertEol: !this.#isTty,
      allowProposedApi: true,
      logLevel: 'off',
    })
    for (const [final, shown] of [
      ['h', true],
      ['l', false],
    ] as const) {
      terminal.parser.registerCsiHandler({ prefix: '?', final }, (parameters) => {
        if (parameters.includes(CURSOR_MODE)) this.#cursorShown = shown
        return false
      })
    }
    for (const final of STEPWISE) {
      // True: done with, so that the emulator does not carry it out.
      terminal.parser.registerCsiHandler({ final }, ([steps]) => this.#isTooMuch(Number(steps)))
    }
    // The emulator keeps something for each link, and asks all of that about every line that moves; none of it is shown.
    terminal.parser.registerOscHandler(LINK, () => true)
    return terminal
  }
}

const clamp = (size: number, most: number): number => Math.min(Math.max(1, size), most)

const RESET = '\u001b[0m'

/** What stands in a cell; signs that would turn the order of letters around are left out. */
function charsOf(cell: IBufferCell): string {
  const all = cell.isInvisible() === 0 ? cell.getChars() : ''
  if (all === '') return ' '
  const chars = all.length > MAX_CELL_CHARS ? all.slice(0, MAX_CELL_CHARS).toWellFormed() : all
  if (!hasUnsafe(chars)) return chars
  return [...chars].filter((char) => !hasUnsafe(char)).join('') || ' '
}

/** The SGR sequence of a cell; empty for one that looks like nothing in particular. */
function styleOf(cell: IBufferCell, isCursor: boolean): string {
  const codes: (number | string)[] = []
  if (cell.isBold() !== 0) codes.push(1)
  if (cell.isDim() !== 0) codes.push(2)
  if (cell.isItalic() !== 0) codes.push(3)
  if (cell.isUnderline() !== 0) codes.push(4)
  if ((cell.isInverse() !== 0) !== isCursor) codes.push(7)
  if (cell.isStrikethrough() !== 0) codes.push(9)
  if (cell.isFgPalette()) codes.push(`38;5;${cell.getFgColor()}`)
  else if (cell.isFgRGB()) codes.push(`38;2;${rgb(cell.getFgColor())}`)
  if (cell.isBgPalette()) codes.push(`48;5;${cell.getBgColor()}`)
  else if (cell.isBgRGB()) codes.push(`48;2;${rgb(cell.getBgColor())}`)
  return codes.length === 0 ? '' : `\u001b[${codes.join(';')}m`
}

const rgb = (colour: number): string =>
  `${(colour >> 16) & 0xff};${(colour >> 8) & 0xff};${colour & 0xff}`
