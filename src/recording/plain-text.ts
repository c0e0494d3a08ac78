import { printableLines } from '../core/index.ts'
import { MAX_SEQUENCE_CHARS } from './limits.ts'

/** What a terminal reads (ECMA-48; the names are those of Paul Williams' parser of DEC terminals). */
type State =
  | 'ground'
  | 'escape'
  /** Behind `ESC (` and the like: one more character belongs to it. */
  | 'escape-intermediate'
  | 'csi'
  /** OSC, DCS, SOS, PM, APC: text for the terminal until ST; OSC ends with BEL too. */
  | 'osc'
  | 'string'

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/
/** The same, from a place on: between controls nothing has to be looked at. */
const NEXT_CONTROL = new RegExp(CONTROL.source, 'g')
const ESC = '\u001b'
const BEL = '\u0007'
/** CAN and SUB: whatever was begun is over. */
const ABORTS = new Set(['\u0018', '\u001a'])
const STRINGS: Readonly<Record<string, State>> = {
  ']': 'osc',
  P: 'string',
  X: 'string',
  '^': 'string',
  _: 'string',
}
/** The same in one character (C1). */
const C1: Readonly<Record<string, State>> = {
  '\u009b': 'csi',
  '\u009d': 'osc',
  '\u0090': 'string',
  '\u0098': 'string',
  '\u009e': 'string',
  '\u009f': 'string',
}

/**
 * What was printed, for reading and searching: without escape sequences and other controls, so that it moves no cursor, sets no
 * title and writes to no clipboard wherever it is shown. A carriage return that overwrites a line begins another one. A sequence
 * that does not end hides nothing for long: beyond a limit it is text again.
 */
export class PlainText {
  #state: State = 'ground'
  /** Of a sequence that is open. */
  #length = 0
  /** A carriage return whose line feed may come. */
  #returned = false
  #unshown = 0

  /** Characters that stood in titles and other texts for the terminal itself: who wants to hide something can write it there. */
  get unshown(): number {
    return this.#unshown
  }

  /** The part of the text that can be told now. */
  write(text: string): string {
    if (this.#state === 'ground' && !this.#returned && !CONTROL.test(text)) {
      return printableLines(text)
    }
    let plain = ''
    for (let at = 0; at < text.length; at += 1) {
      if (this.#state === 'ground' && !this.#returned) {
        NEXT_CONTROL.lastIndex = at
        const next = NEXT_CONTROL.exec(text)?.index ?? text.length
        plain += text.slice(at, next)
        at = next
      }
      plain += this.#step(text.charAt(at))
    }
    return printableLines(plain)
  }

  /** What is left at the end. */
  end(): string {
    const left = this.#returned ? '\n' : ''
    this.#returned = false
    this.#state = 'ground'
    return left
  }

  #step(char: string): string {
    if (char === '') return ''
    if (this.#state === 'ground') return this.#ground(char)
    this.#length += 1
    if (ABORTS.has(char) || this.#length > MAX_SEQUENCE_CHARS) {
      this.#state = 'ground'
      return ABORTS.has(char) ? '' : this.#ground(char)
    }
    if (char === ESC) return this.#open('escape')
    if (this.#isBroken(char)) {
      this.#state = 'ground'
      return this.#ground(char)
    }
    switch (this.#state) {
      case 'escape':
        return this.#escape(char)
      case 'escape-intermediate':
        if (char < ' ' || char > '/') this.#state = 'ground'
        return ''
      case 'csi':
        // Controls within a sequence do what they do outside of it.
        if (char < ' ') return this.#ground(char)
        if (char >= '@' && char <= '~') this.#state = 'ground'
        return ''
      case 'osc':
        if (char === BEL) this.#state = 'ground'
        else this.#unshown += 1
        return ''
      case 'string':
        this.#unshown += 1
        return ''
    }
  }

  /** Whether it is no part of what is open, so that a terminal shows what follows: C1 controls, and letters beyond ASCII but in texts for the terminal. */
  #isBroken(char: string): boolean {
    if (char < '\u0080') return false
    return char < '\u00a0' || (this.#state !== 'osc' && this.#state !== 'string')
  }

  #ground(char: string): string {
    const broken = this.#returned && char !== '\r' ? '\n' : ''
    if (char === '\r') {
      this.#returned = true
      return ''
    }
    this.#returned = false
    if (char === '\n') return '\n'
    if (char === ESC) {
      this.#open('escape')
      return broken
    }
    const opened = C1[char]
    if (opened !== undefined) this.#open(opened)
    else if (char === '\t' || !CONTROL.test(char)) return broken + char
    return broken
  }

  #escape(char: string): string {
    const string = STRINGS[char]
    if (char === '[') return this.#open('csi')
    if (string !== undefined) return this.#open(string)
    this.#state = char >= ' ' && char <= '/' ? 'escape-intermediate' : 'ground'
    // A line feed is one, whatever it stands behind.
    return char < ' ' ? this.#ground(char) : ''
  }

  #open(state: State): '' {
    this.#state = state
    this.#length = 0
    return ''
  }
}
