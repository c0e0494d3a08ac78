import { StringDecoder } from 'node:string_decoder'
import { escapeUnsafe } from '../core/index.ts'
import type { RecordFrame } from './frame.ts'
import { PlainText } from './plain-text.ts'

/** Makes text of a record, piece by piece. */
export interface RecordWriter {
  /** What is due with this frame; often nothing. */
  frame(frame: RecordFrame): string
  /** What is left when the record ends. */
  end(): string
}

/** What a session printed, to be read and searched: no escape sequences, and lines in brackets for what was not printed. */
export class PlainTextWriter implements RecordWriter {
  readonly #streams: Readonly<
    Record<'stdout' | 'stderr', { decoder: StringDecoder; plain: PlainText }>
  > = { stdout: newStream(), stderr: newStream() }
  #atLineStart = true

  frame(frame: RecordFrame): string {
    switch (frame.kind) {
      case 'data': {
        if (frame.stream === 'stdin') return ''
        const { decoder, plain } = this.#streams[frame.stream]
        return this.#told(plain.write(decoder.write(frame.data)))
      }
      case 'omitted':
        return this.#note(
          `${frame.bytes} bytes of ${frame.stream} are not kept, SHA-256 ${frame.sha256}`,
        )
      case 'marker':
        return this.#note(frame.label)
      default:
        return ''
    }
  }

  end(): string {
    const { stdout, stderr } = this.#streams
    const left = [stdout, stderr]
      .map(({ decoder, plain }) => this.#told(plain.write(decoder.end()) + plain.end()))
      .join('')
    const unshown = stdout.plain.unshown + stderr.plain.unshown
    if (unshown === 0) return left
    return `${left}${this.#note(
      `${unshown} characters are left out here that were written for the terminal itself: titles and the like`,
    )}`
  }

  #told(text: string): string {
    if (text !== '') this.#atLineStart = text.endsWith('\n')
    return text
  }

  #note(words: string): string {
    const line = new PlainText().write(words).replaceAll('\n', ' ')
    return this.#told(`${this.#atLineStart ? '' : '\n'}[${line}]\n`)
  }
}

const newStream = (): { decoder: StringDecoder; plain: PlainText } => ({
  decoder: new StringDecoder('utf8'),
  plain: new PlainText(),
})

/** Every frame as one line of JSON, nothing left out: bytes that are no UTF-8 stand there in base64. */
export class JsonLinesWriter implements RecordWriter {
  frame(frame: RecordFrame): string {
    return `${escapeUnsafe(JSON.stringify(lineOf(frame)))}\n`
  }

  end(): string {
    return ''
  }
}

function lineOf(frame: RecordFrame): Record<string, unknown> {
  const { kind, atMs } = frame
  const head = { kind, time_ms: atMs }
  switch (frame.kind) {
    case 'begin':
      return { ...head, facts: frame.facts }
    case 'data':
      return { ...head, stream: frame.stream, ...contentOf(frame.data) }
    case 'resize':
      return { ...head, width: frame.width, height: frame.height }
    case 'omitted':
      return { ...head, stream: frame.stream, bytes: frame.bytes, sha256: frame.sha256 }
    case 'marker':
      return { ...head, label: frame.label }
    case 'end':
      return { ...head, exit_code: frame.exitCode, reason: frame.reason }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A character that two frames share is in neither of them: both are base64 then. */
function contentOf(data: Buffer): { text: string } | { base64: string } {
  try {
    return { text: utf8.decode(data) }
  } catch {
    return { base64: data.toString('base64') }
  }
}
