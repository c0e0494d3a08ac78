import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { errorCode, fileWords } from '../../../core/index.ts'
import { AsciicastReader, type RecordFrame, RecordReader } from '../../../recording/index.ts'
import { CliError } from '../../errors.ts'
import { CUT, type Recording } from './recording.ts'

const READ_BYTES = 256 * 1024

/** A recording that lies in a file: an asciicast v2 of anybody's, or a record that was exported raw. Rejects with CliError. */
export async function openFileRecording(path: string): Promise<Recording> {
  const isCast = (await firstCharacter(path)) === '{'
  let missing: string | null = null
  async function* bytes(): AsyncGenerator<Buffer, void, undefined> {
    const reader = new RecordReader()
    yield* reader.verified(read(path))
    missing = reader.isWhole ? null : CUT
  }
  return {
    title: basename(path),
    durationMs: null,
    missing: () => missing,
    bytes: () => (isCast ? null : bytes()),
    async *frames() {
      if (isCast) {
        yield* castFrames(read(path))
        return
      }
      const reader = new RecordReader()
      yield* reader.bytes(read(path))
      missing = reader.isWhole ? null : CUT
    },
  }
}

async function firstCharacter(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, 0)
    if (bytesRead === 0) throw new Error('it is empty')
    return buffer.toString('latin1')
  } catch (error) {
    throw unreadable(path, error)
  }
}

async function* read(path: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) {
      yield piece as Buffer
    }
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): CliError {
  const hint = HINTS[errorCode(error) ?? '']
  return new CliError('FILE_UNREADABLE', `cannot read ${path}: ${fileWords(error)}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'it is no file, and no id of a recording either: those are listed by tsh recordings ls',
  ESPIPE: 'it is a pipe: write what comes by it into a file first',
}

async function* castFrames(
  pieces: AsyncIterable<Buffer>,
): AsyncGenerator<RecordFrame, void, undefined> {
  const reader = new AsciicastReader()
  const decoder = new StringDecoder('utf8')
  for await (const piece of pieces) yield* reader.frames(decoder.write(piece))
  yield* reader.frames(decoder.end())
  yield* reader.end()
}
