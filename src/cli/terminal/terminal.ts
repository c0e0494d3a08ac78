import type { Readable, Writable } from 'node:stream'
import type { Io } from '../io.ts'
import { type Key, parseKeys } from './keys.ts'

/** A terminal that a command takes over. */
export interface Terminal {
  size(): { readonly columns: number; readonly rows: number }
  write(text: string): void
  onKey(listener: (key: Key) => void): void
  onResize(listener: () => void): void
  /** Stops the process until the shell continues it, as ctrl-z does elsewhere. */
  suspend(): void
  /** Gives the terminal back as it was. Does so by itself when the process ends in any way but SIGKILL. */
  leave(): void
}

/** What a terminal's streams have beyond pipes. */
interface TtyIn extends Readable {
  setRawMode(raw: boolean): unknown
}
interface TtyOut extends Writable {
  readonly columns: number
  readonly rows: number
}

/** Alternate screen, cursor hidden, no wrapping: a line that is a column too wide must not move the others. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const ENDING = ['SIGTERM', 'SIGHUP'] as const

/** Takes the terminal over, or gives null where there is none (a pipe, a file) or one that only prints. */
export function enterTerminal(io: Io): Terminal | null {
  const { stdin, stdout } = io
  if (io.env['TERM'] === 'dumb') return null
  if (!io.isTty || !isTtyIn(stdin) || !isTtyOut(stdout)) return null
  return new ProcessTerminal(stdin, stdout)
}

const isTtyIn = (stream: Readable): stream is TtyIn =>
  'setRawMode' in stream && typeof stream.setRawMode === 'function'
const isTtyOut = (stream: Writable): stream is TtyOut =>
  'columns' in stream && typeof stream.columns === 'number'

class ProcessTerminal implements Terminal {
  readonly #in: TtyIn
  readonly #out: TtyOut
  readonly #keyListeners: ((key: Key) => void)[] = []
  readonly #resizeListeners: (() => void)[] = []
  #entered = false

  readonly #onData = (chunk: Buffer | string): void => {
    for (const key of parseKeys(chunk.toString())) {
      for (const listener of this.#keyListeners) listener(key)
    }
  }
  readonly #onResize = (): void => {
    for (const listener of this.#resizeListeners) listener()
  }
  readonly #onContinue = (): void => {
    this.#enter()
    this.#onResize()
  }
  /** Also before Node prints the stack of an error that nobody caught: on the alternate screen it would be lost. */
  readonly #restore = (): void => this.leave()
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.leave()
    // Our listener is gone: now it ends the process as it would have.
    process.kill(process.pid, signal)
  }

  constructor(stdin: TtyIn, stdout: TtyOut) {
    this.#in = stdin
    this.#out = stdout
    this.#enter()
  }

  size(): { columns: number; rows: number } {
    // A terminal that nobody has told its size says 0.
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 }
  }

  write(text: string): void {
    this.#out.write(text)
  }

  onKey(listener: (key: Key) => void): void {
    this.#keyListeners.push(listener)
  }

  onResize(listener: () => void): void {
    this.#resizeListeners.push(listener)
  }

  suspend(): void {
    this.leave()
    process.once('SIGCONT', this.#onContinue)
    process.kill(process.pid, 'SIGTSTP')
  }

  leave(): void {
    if (!this.#entered) return
    this.#entered = false
    for (const signal of ENDING) process.off(signal, this.#onSignal)
    process.off('exit', this.#restore)
    process.off('uncaughtExceptionMonitor', this.#restore)
    this.#in.off('data', this.#onData)
    this.#out.off('resize', this.#onResize)
    this.#in.pause()
    this.#in.setRawMode(false)
    this.#out.write(LEAVE)
  }

  #enter(): void {
    this.#entered = true
    for (const signal of ENDING) process.on(signal, this.#onSignal)
    process.on('exit', this.#restore)
    process.on('uncaughtExceptionMonitor', this.#restore)
    this.#in.setRawMode(true)
    this.#in.on('data', this.#onData)
    this.#in.resume()
    this.#out.on('resize', this.#onResize)
    this.#out.write(ENTER)
  }
}

/** Whether to use colours: NO_COLOR (no-color.org) and terminals that know none are respected. */
export const wantsColour = (env: Io['env']): boolean =>
  (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' && env['TERM'] !== undefined

/** Whether block elements can be shown: what the locale says; where there are no locales, terminals can. */
export function wantsUnicode(
  env: Io['env'],
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (platform === 'win32') return true
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  return /utf-?8/i.test(locale)
}
