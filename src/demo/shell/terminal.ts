import { ByteQueue } from './byte-queue.ts'

const INTERRUPT = 0x03
const END_OF_INPUT = 0x04
const BACKSPACE = 0x08
const ENTER = 0x0d
const LINE_FEED = 0x0a
const ERASE_LINE = 0x15
const ESCAPE = 0x1b
const DELETE = 0x7f

const MAX_LINE_CHARACTERS = 4096

/**
 * The line discipline between a terminal and a program: keys are shown as they are typed, a line is given on when Enter comes,
 * and `\n` goes out as `\r\n`.
 */
export class Terminal {
  /** Lines for the program. Ctrl-D on an empty line ends it. */
  readonly input: ByteQueue
  readonly #write: (data: Buffer) => Promise<void>
  readonly #onInterrupt: () => boolean
  #line: string[] = []
  #escape: 'no' | 'begun' | 'sequence' = 'no'

  constructor(options: {
    readonly write: (data: Buffer) => Promise<void>
    /** True: something ran, and ends. */
    readonly onInterrupt: () => boolean
    readonly onRoom: () => void
  }) {
    this.input = new ByteQueue(options.onRoom)
    this.#write = options.write
    this.#onInterrupt = options.onInterrupt
  }

  /** What was typed. False: there is no room for more lines now. */
  type(data: Buffer): boolean {
    let room = true
    for (const character of data.toString('utf8')) {
      room = this.#key(character, character.codePointAt(0) ?? 0) && room
    }
    return room
  }

  /** What a program says. */
  readonly out = (data: Buffer): Promise<void> =>
    this.#write(
      data.includes(LINE_FEED)
        ? Buffer.from(data.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
        : data,
    )

  #key(character: string, code: number): boolean {
    if (this.#escape !== 'no') {
      this.#skip(code)
      return true
    }
    switch (code) {
      case ESCAPE:
        this.#escape = 'begun'
        return true
      case ENTER:
      case LINE_FEED: {
        this.#show('\r\n')
        const line = `${this.#line.join('')}\n`
        this.#line = []
        return this.input.push(Buffer.from(line, 'utf8'))
      }
      case INTERRUPT:
        this.#line = []
        this.#show('^C\r\n')
        // Who waits for a line gets an empty one, and shows its prompt again.
        return this.#onInterrupt() || this.input.push(Buffer.from('\n'))
      case END_OF_INPUT:
        if (this.#line.length === 0) this.input.end()
        return true
      case BACKSPACE:
      case DELETE:
        if (this.#line.pop() !== undefined) this.#show('\b \b')
        return true
      case ERASE_LINE:
        this.#show('\b \b'.repeat(this.#line.length))
        this.#line = []
        return true
      default:
        if (code < 0x20 || this.#line.length >= MAX_LINE_CHARACTERS) return true
        this.#line.push(character)
        this.#show(character)
        return true
    }
  }

  /** Arrow keys and their like do nothing here. */
  #skip(code: number): void {
    if (this.#escape === 'begun') this.#escape = code === 0x5b || code === 0x4f ? 'sequence' : 'no'
    else if (code >= 0x40 && code <= 0x7e) this.#escape = 'no'
  }

  #show(text: string): void {
    void this.#write(Buffer.from(text, 'utf8'))
  }
}
