import { StringDecoder } from 'node:string_decoder'
import { escapeUnsafe } from '../core/index.ts'
import { AsciicastWriter, RecordError, RecordReader } from '../recording/index.ts'

/** Of a record: more makes a browser slow, which holds all of it. `tsh play` has no such limit. */
export const MAX_PAGE_RECORD_BYTES = 32 * 1024 * 1024
/** What is put together before it is sent. */
const PIECE_CHARS = 64 * 1024

/**
 * A record as the page of a recording takes it: asciicast v2, and beside its output once more, as events `e` that no player
 * knows, what of it was stderr. What is broken, or too long for a page, ends with a marker that says so.
 */
export async function* webCast(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number = MAX_PAGE_RECORD_BYTES,
): AsyncGenerator<string, void, undefined> {
  const writer = new AsciicastWriter()
  const errors = new StringDecoder('utf8')
  let bytes = 0
  let atMs = 0
  let text = ''
  try {
    for await (const frame of new RecordReader().chunks(chunks)) {
      atMs = frame.atMs
      if (frame.kind === 'data') bytes += frame.data.length
      if (bytes > maxBytes) {
        text += marker(writer, atMs, 'what follows is too much for a page')
        break
      }
      text += writer.frame(frame)
      if (frame.kind === 'data' && frame.stream === 'stderr') {
        const words = errors.write(frame.data)
        if (words !== '') text += `${escapeUnsafe(JSON.stringify([atMs / 1000, 'e', words]))}\n`
      }
      if (text.length < PIECE_CHARS) continue
      yield text
      text = ''
    }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    text += marker(writer, atMs, error.message)
  }
  yield text + writer.end()
}

/** Makes the writer begin, when it waits for something to show. */
const marker = (writer: AsciicastWriter, atMs: number, label: string): string =>
  writer.frame({ kind: 'marker', atMs, label })
