import { RecordError } from './errors.ts'
import type { RecordFrame } from './frame.ts'
import { MAX_CAST_LINE_CHARS } from './limits.ts'

/** What an asciicast says of itself. */
export interface AsciicastHead {
  readonly width: number
  readonly height: number
  /** Empty when it does not say. */
  readonly title: string
}

/**
 * Reads asciicast v2 (docs.asciinema.org/manual/asciicast/v2), ours or another's, however its text is cut. Events of kinds that
 * nobody knows are passed over, as the format asks.
 */
export class AsciicastReader {
  #rest = ''
  #line = 0
  #head: AsciicastHead | null = null
  #atMs = 0

  /** Null until its first line was read. */
  get head(): AsciicastHead | null {
    return this.#head
  }

  /** The frames of the lines that are whole with this text; the first one is the size of the terminal. Throws RecordError. */
  *frames(text: string): Generator<RecordFrame, void, undefined> {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) yield* this.#frame(line)
    if (this.#rest.length <= MAX_CAST_LINE_CHARS) return
    this.#line += 1
    throw this.#head === null ? unknown() : this.#broken('it is too long')
  }

  /** What is left of a file that does not end with a line break. */
  *end(): Generator<RecordFrame, void, undefined> {
    const rest = this.#rest
    this.#rest = ''
    yield* this.#frame(rest)
    if (this.#head === null) throw unknown()
  }

  *#frame(line: string): Generator<RecordFrame, void, undefined> {
    this.#line += 1
    const text = line.trim()
    if (text === '') return
    const value = parseJson(text)
    if (this.#head === null) {
      const head = headOf(value)
      if (head === null) throw unknown()
      this.#head = head
      yield { kind: 'resize', atMs: 0, width: head.width, height: head.height }
      return
    }
    if (value === undefined) throw this.#broken('this is no JSON')
    const event = eventOf(value)
    if (event === null) throw this.#broken('an event is [seconds, kind, text]')
    // Players show what is out of order when the one before it was shown.
    this.#atMs = Math.max(this.#atMs, event.atMs)
    const frame = frameOf(this.#atMs, event.kind, event.text)
    if (frame !== null) yield frame
  }

  #broken(why: string): RecordError {
    return new RecordError('RECORD_MALFORMED', `line ${this.#line} of an asciicast: ${why}`)
  }
}

const unknown = (): RecordError =>
  new RecordError(
    'RECORD_UNKNOWN',
    'this is no asciicast of version 2: its first line is no head of one',
  )

/** Undefined for what is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function headOf(value: unknown): AsciicastHead | null {
  if (typeof value !== 'object' || value === null) return null
  const { version, width, height, title } = value as Readonly<Record<string, unknown>>
  if (version !== 2 || !isSize(width) || !isSize(height)) return null
  return { width, height, title: typeof title === 'string' ? title : '' }
}

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0

function eventOf(value: unknown): { atMs: number; kind: string; text: string } | null {
  if (!Array.isArray(value)) return null
  const [seconds, kind, text] = value as readonly unknown[]
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) return null
  const atMs = Math.round(seconds * 1000)
  if (typeof kind !== 'string' || typeof text !== 'string' || !Number.isSafeInteger(atMs))
    return null
  return { atMs, kind, text }
}

/** Null for what has nothing to show. */
function frameOf(atMs: number, kind: string, text: string): RecordFrame | null {
  switch (kind) {
    case 'o':
      return { kind: 'data', atMs, stream: 'stdout', data: Buffer.from(text, 'utf8') }
    case 'i':
      return { kind: 'data', atMs, stream: 'stdin', data: Buffer.from(text, 'utf8') }
    case 'm':
      return { kind: 'marker', atMs, label: text }
    case 'r': {
      const [, width, height] = /^(\d{1,6})x(\d{1,6})$/.exec(text) ?? []
      if (width === undefined || height === undefined) return null
      return { kind: 'resize', atMs, width: Number(width), height: Number(height) }
    }
    default:
      return null
  }
}
