import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
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
import { broken, type Recording } from './recording.ts'

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
 * before that was written; where nothing was, a file is left as it is.
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
  const end: { failure: RecordError | null } = { failure: null }
  const pieces = untilBroken(piecesOf(recording, format), (error) => {
    end.failure = error
  })
  try {
    if (out !== null) await writeFile(out, untilAborted(pieces, io.signal))
    else if (!(await writeOut(io, pieces))) return
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    throw broken(error, `nothing was written${out === null ? '' : ` to ${out.path}`}`)
  }
  if (end.failure !== null) {
    throw broken(
      end.failure,
      `what came before it ${out === null ? 'was written' : `is in ${out.path}`}`,
    )
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

/** The same, but a record that is not as it was written ends as one that is, unless there is nothing of it. */
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
    if (!(error instanceof RecordError) || isNothing) throw error
    onBroken(error)
  }
}

async function* untilAborted<T>(
  pieces: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  for await (const piece of pieces) {
    signal.throwIfAborted()
    yield piece
  }
}

/** False: who reads stdout has enough (`| head`). Rejects when it is told to end, as what is written is not all. */
async function writeOut(
  { stdout, signal }: Io,
  pieces: AsyncIterable<string | Buffer>,
): Promise<boolean> {
  try {
    await pipeline(Readable.from(pieces), stdout, { end: false, signal })
    return true
  } catch (error) {
    if (errorCode(error) !== 'EPIPE' && errorCode(signal.reason) !== 'EPIPE') throw error
    return false
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
