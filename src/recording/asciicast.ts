import { StringDecoder } from 'node:string_decoder'
import { escapeUnsafe, unreachable } from '../core/index.ts'
import type { DataStream, RecordFrame } from './frame.ts'
import { MAX_PLAYED_COLUMNS, MAX_PLAYED_ROWS } from './limits.ts'
import type { RecordWriter } from './writers.ts'

/** What players take when nobody told the size of the terminal. */
const WIDTH = 80
const HEIGHT = 24

/**
 * asciicast v2 out of the frames of a record, line by line (docs.asciinema.org/manual/asciicast/v2): what is no UTF-8 shows as
 * U+FFFD, and a character that two frames share belongs to the later one. stderr is shown where it came, as a terminal
 * would, and sizes are those that a player can have.
 */
export class AsciicastWriter implements RecordWriter {
  readonly #decoders: Readonly<Record<DataStream, StringDecoder>> = {
    stdin: new StringDecoder('utf8'),
    stdout: new StringDecoder('utf8'),
    stderr: new StringDecoder('utf8'),
  }
  readonly #outputOf: (text: string) => string
  readonly #held: RecordFrame[] = []
  #begun = false
  #tty = true
  #lastMs = 0

  /** `outputOf`: what of the output is told; all of it, unless somebody says otherwise. */
  constructor(outputOf: (text: string) => string = (text) => text) {
    this.#outputOf = outputOf
  }

  /** Lines that are due, each with its line break. The first one waits for the size of the terminal, or for output. */
  frame(frame: RecordFrame): string {
    if (this.#begun) return this.#line(frame)
    this.#held.push(frame)
    return isFirstSight(frame) ? this.#begin() : ''
  }

  /** What is left when the record ends. */
  end(): string {
    const begun = this.#begun || this.#held.length === 0 ? '' : this.#begin()
    const broken = this.#outputOf(this.#decoders.stdout.end() + this.#decoders.stderr.end())
    return broken === '' ? begun : `${begun}${event(this.#lastMs, 'o', broken)}`
  }

  #begin(): string {
    this.#begun = true
    const held = this.#held.splice(0)
    const [first] = held
    const size = held.find((frame) => frame.kind === 'resize')
    const facts = first?.kind === 'begin' ? first.facts : null
    this.#tty = facts?.tty ?? true
    const header = {
      version: 2,
      ...playedSize(size ?? { width: WIDTH, height: HEIGHT }),
      ...(facts === null
        ? {}
        : {
            timestamp: Math.floor(facts.startedMs / 1000),
            title: `${facts.user} in ${facts.kubeCluster}: ${facts.namespace}/${facts.pod}`,
            ...(facts.command.length === 0 ? {} : { command: facts.command.join(' ') }),
          }),
    }
    const lines = held.map((frame) => (frame === size ? '' : this.#line(frame)))
    return `${escapeUnsafe(JSON.stringify(header))}\n${lines.join('')}`
  }

  #line(frame: RecordFrame): string {
    this.#lastMs = frame.atMs
    switch (frame.kind) {
      case 'begin':
        return ''
      case 'data': {
        const text = this.#decoders[frame.stream].write(frame.data)
        if (text === '') return ''
        if (frame.stream === 'stdin') return event(frame.atMs, 'i', text)
        // A pipe has lines, a terminal wants the carriage return that its driver would have added.
        const shown = this.#outputOf(this.#tty ? text : text.replace(/\r?\n/g, '\r\n'))
        return shown === '' ? '' : event(frame.atMs, 'o', shown)
      }
      case 'resize': {
        const { width, height } = playedSize(frame)
        return event(frame.atMs, 'r', `${width}x${height}`)
      }
      case 'omitted':
        return event(frame.atMs, 'm', `${frame.bytes} bytes of ${frame.stream} are not kept`)
      case 'marker':
        return event(frame.atMs, 'm', frame.label)
      case 'end':
        return event(frame.atMs, 'm', endWords(frame))
      default:
        return unreachable(frame)
    }
  }
}

const event = (atMs: number, kind: 'o' | 'i' | 'r' | 'm', data: string): string =>
  `${escapeUnsafe(JSON.stringify([atMs / 1000, kind, data]))}\n`

const playedSize = (size: { readonly width: number; readonly height: number }) => ({
  width: Math.min(Math.max(1, size.width), MAX_PLAYED_COLUMNS),
  height: Math.min(Math.max(1, size.height), MAX_PLAYED_ROWS),
})

const isFirstSight = (frame: RecordFrame): boolean =>
  frame.kind === 'resize' || frame.kind === 'data' || frame.kind === 'end'

const endWords = ({ exitCode, reason }: Extract<RecordFrame, { kind: 'end' }>): string =>
  exitCode === null ? `ended: ${reason}` : `ended with ${exitCode}`
