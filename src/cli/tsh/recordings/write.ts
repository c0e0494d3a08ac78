import { existsSync } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorCode, fileWords } from '../../../core/index.ts'
import { writePrivateStream } from '../../../files/index.ts'
import {
  AsciicastWriter,
  JsonLinesWriter,
  PlainTextWriter,
  RecordError,
  type RecordWriter,
} from '../../../recording/index.ts'
import { CliError, withHint } from '../../errors.ts'
import { type Io, say } from '../../io.ts'
import type { Recording } from './recording.ts'

/** What a recording is turned into, beside the record itself. */
const WRITERS: Readonly<Record<'cast' | 'text' | 'json', () => RecordWriter>> = {
  cast: () => new AsciicastWriter(),
  text: () => new PlainTextWriter(),
  json: () => new JsonLinesWriter(),
}

/** `raw` is the record itself, with its seals. */
export const exportFormats = ['cast', 'text', 'json', 'raw'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** Small pieces are put together: a system call each would be slow. */
const PIECE_CHARS = 64 * 1024

/**
 * Writes a recording to `out`, or to stdout, piece by piece. What is not as it was recorded ends it with an error, after everything
 * before that was written.
 */
export async function writeRecording(
  io: Io,
  recording: Recording,
  format: ExportFormat,
  out: { readonly path: string; readonly overwrite: boolean } | null,
): Promise<void> {
  if (format === 'raw' && out === null && io.isTty) {
    throw new CliError('REFUSED', 'a record is nothing for a terminal', {
      hint: 'give --out=<file>, or another --format',
    })
  }
  const broken: { error: RecordError | null } = { error: null }
  const pieces = untilBroken(piecesOf(recording, format), (error) => {
    broken.error = error
  })
  if (out === null) await writeTo(io.stdout, pieces, io.signal)
  else await writeFile(out, pieces)
  if (io.signal.aborted) return
  const { error } = broken
  if (error !== null) {
    throw new CliError('RECORDING_BROKEN', error.message, {
      cause: error,
      hint: `what came before it ${out === null ? 'was written' : `is in ${out.path}`}: somebody changed it, or a disk failed`,
    })
  }
  const missing = recording.missing()
  if (missing !== null) say(io, `tsh: ${missing}`)
}

function piecesOf(recording: Recording, format: ExportFormat): AsyncIterable<string | Buffer> {
  if (format !== 'raw') return written(recording, WRITERS[format]())
  const bytes = recording.bytes()
  if (bytes !== null) return bytes
  throw new CliError(
    'USAGE',
    `${recording.title} is no record of a session: only those have --format=raw`,
  )
}

async function* written(
  recording: Recording,
  writer: RecordWriter,
): AsyncGenerator<string, void, undefined> {
  let text = ''
  try {
    for await (const frame of recording.frames()) {
      text += writer.frame(frame)
      if (text.length < PIECE_CHARS) continue
      yield text
      text = ''
    }
  } catch (error) {
    // A program that throws away what it got so far loses evidence.
    yield text + writer.end()
    throw error
  }
  yield text + writer.end()
}

/** The same, but a record that is not as it was written ends as one that is; one that is no record at all is nothing to write. */
async function* untilBroken(
  pieces: AsyncIterable<string | Buffer>,
  onBroken: (error: RecordError) => void,
): AsyncGenerator<string | Buffer, void, undefined> {
  let isNothing = true
  try {
    for await (const piece of pieces) {
      if (piece.length > 0) isNothing = false
      yield piece
    }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    if (error.code === 'RECORD_UNKNOWN' && isNothing) throw error
    onBroken(error)
  }
}

async function writeTo(
  stream: Writable,
  pieces: AsyncIterable<string | Buffer>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await pipeline(Readable.from(pieces), stream, { end: false, signal })
  } catch (error) {
    // The reader has enough (`| head`), or ctrl-c.
    if (!signal.aborted && errorCode(error) !== 'EPIPE') throw error
  }
}

async function writeFile(
  { path, overwrite }: { readonly path: string; readonly overwrite: boolean },
  pieces: AsyncIterable<string | Buffer>,
): Promise<void> {
  // Again at the end; but nobody wants to hear it behind a gigabyte.
  if (!overwrite && existsSync(path)) throw exists(path)
  try {
    await writePrivateStream(path, pieces, { overwrite })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw exists(path, error)
    const isOurs = error instanceof Error && !('syscall' in error)
    if (isOurs) throw withHint(error, `nothing was written to ${path}`)
    throw new CliError('FILE_UNWRITABLE', `cannot write ${path}: ${fileWords(error)}`, {
      cause: error,
    })
  }
}

const exists = (path: string, cause?: unknown): CliError =>
  new CliError('FILE_EXISTS', `${path} exists`, {
    cause,
    hint: 'use --overwrite to replace it, or another --out',
  })
